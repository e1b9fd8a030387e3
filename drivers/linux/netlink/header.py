"""The headers of netlink messages: nlmsghdr of all, and nfgenmsg of those to netfilter.

Sources: https://docs.kernel.org/userspace-api/netlink/intro.html, linux/netlink.h,
linux/netfilter/nfnetlink.h.
"""

import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from mynet.drivers.api import IPV4, IPV6

NLM_F_REQUEST, NLM_F_ACK, NLM_F_ECHO, NLM_F_DUMP = 0x1, 0x4, 0x8, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400

NETLINK_NETFILTER: Final = 12
NFPROTO_UNSPEC, NFPROTO_INET = 0, 1
# By IP version, AF_* of rtnetlink and NFPROTO_* of netfilter, which are the same numbers.
ADDRESS_FAMILIES: Final = {IPV4: int(socket.AF_INET), IPV6: int(socket.AF_INET6)}

_NLMSGHDR = struct.Struct("@IHHII")  # length, type, flags, sequence number, port of the sender
_NFGENMSG = struct.Struct("!BBH")  # family, version, resource

HEADER_BYTES: Final = _NLMSGHDR.size
NETFILTER_HEADER_BYTES: Final = HEADER_BYTES + _NFGENMSG.size


class Header(NamedTuple):
    """A nlmsghdr as the kernel sent it.

    A dump has thousands, and a frozen dataclass takes four times as long to make.
    """

    # In bytes, with the header.
    length: int
    kind: int
    flags: int
    sequence: int
    # In a notification, the netlink port of the socket that asked for the change.
    port: int


def pack_message(kind: int, body: bytes, flags: int = 0) -> bytes:
    """Pack a message. The socket adds the sequence number and the flags of a request."""
    return _NLMSGHDR.pack(HEADER_BYTES + len(body), kind, flags, 0, 0) + body


def pack_netfilter(
    kind: int,
    attributes: bytes = b"",
    *,
    family: int = NFPROTO_INET,
    flags: int = 0,
    resource: int = 0,
) -> bytes:
    """Pack a message to a subsystem of netfilter."""
    return pack_message(kind, _NFGENMSG.pack(family, 0, resource) + attributes, flags)


def complete_request(datagram: bytearray, offset: int, flags: int, sequence: int) -> None:
    """Write flags and sequence number into the message at an offset; its own flags stay."""
    length, kind, own, _, _ = _NLMSGHDR.unpack_from(datagram, offset)
    _NLMSGHDR.pack_into(datagram, offset, length, kind, own | flags, sequence, 0)


def read_header(message: bytes) -> Header:
    """Read the header of a message."""
    return Header._make(_NLMSGHDR.unpack_from(message))


def read_netfilter_family(message: bytes) -> int:
    """Read the family (NFPROTO_*) of a message from netfilter."""
    return message[HEADER_BYTES]


def split_datagram(data: bytes) -> Iterator[tuple[Header, bytes]]:
    """Yield the messages of a datagram, each with its header and including it."""
    offset = 0
    while offset < len(data):
        header = Header._make(_NLMSGHDR.unpack_from(data, offset))
        yield header, data[offset : offset + header.length]
        offset += (header.length + 3) & ~3
