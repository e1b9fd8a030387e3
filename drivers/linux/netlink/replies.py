"""Replies to any request: acknowledgements, refusals, and the parts of a list.

Source: https://docs.kernel.org/userspace-api/netlink/intro.html
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from mynet.drivers.linux.netlink.attributes import read_attributes, read_text
from mynet.drivers.linux.netlink.header import HEADER_BYTES, Header, split_datagram

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_DUMP_INTR: Final = 0x10  # the list changed while it was read

_NLM_F_ACK_TLVS: Final = 0x200
_NLMSGERR_ATTR_MSG: Final = 1
_ERRNO = struct.Struct("@i")


class Reply(NamedTuple):
    """A message from the kernel.

    A list has thousands, and a frozen dataclass takes four times as long to make.
    """

    header: Header
    # With the header.
    message: bytes
    # 0 for success, and for a message that is no acknowledgement.
    errno: int
    # The kernel's own words, "" if it sent none.
    detail: str


def read_replies(data: bytes) -> Iterator[Reply]:
    """Yield the replies in a datagram."""
    for header, message in split_datagram(data):
        yield Reply(header, message, *_error(header, message))


def _error(header: Header, message: bytes) -> tuple[int, str]:
    """Return the errno, and the kernel's own words, of an acknowledgement or the end of a list."""
    if header.kind not in (NLMSG_ERROR, NLMSG_DONE) or len(message) < HEADER_BYTES + _ERRNO.size:
        return 0, ""
    (number,) = _ERRNO.unpack_from(message, HEADER_BYTES)
    if not header.flags & _NLM_F_ACK_TLVS:
        return -number, ""
    # An acknowledgement repeats the header of its request.
    offset = HEADER_BYTES + _ERRNO.size + (HEADER_BYTES if header.kind == NLMSG_ERROR else 0)
    return -number, read_text(read_attributes(message, offset).get(_NLMSGERR_ATTR_MSG))
