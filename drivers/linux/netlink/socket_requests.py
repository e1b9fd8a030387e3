"""Requests for the sockets of the host, and the replies.

Sources: sock_diag(7), linux/inet_diag.h.
"""

import struct
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPAddress
from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg

NETLINK_SOCK_DIAG: Final = 4
TCP_LISTEN: Final = 10  # the state of a socket of TCP or SCTP that accepts connections

_SOCK_DIAG_BY_FAMILY: Final = 20
# Family, protocol, attributes to add, bits of states, and struct inet_diag_sockid.
_REQUEST = struct.Struct("=BBBxI48x")
# Family, state, timer, retransmits, source port, destination port, source address, and the rest.
_REPLY = struct.Struct("=BBBB2sH16s48x")
_INET_DIAG_SKV6ONLY: Final = 11
_ALL_STATES: Final = 0xFFFFFFFF
_ADDRESS_BYTES: Final = {IPV4: 4, IPV6: 16}


@dataclass(frozen=True, slots=True)
class BoundSocket:
    """A socket that is bound to a port of the host."""

    # Its own address, 0.0.0.0 or :: for all.
    address: IPAddress
    port: int
    # Whether a socket at :: receives packets of IPv6 alone.
    is_v6_only: bool


def get_sockets(version: int, protocol: int, state: int | None = None) -> bytes:
    """Ask for the sockets of an IP version and protocol, in one state or in all.

    Like: ss -lun, ss -ltn.
    """
    states = _ALL_STATES if state is None else 1 << state
    body = _REQUEST.pack(nlmsg.ADDRESS_FAMILIES[version], protocol, 0, states)
    return nlmsg.pack_message(_SOCK_DIAG_BY_FAMILY, body)


def read_socket(reply: bytes, version: int) -> BoundSocket:
    """Read a reply to :func:`get_sockets`."""
    *_, port, _, address = _REPLY.unpack_from(reply, nlmsg.HEADER_BYTES)
    found = nla.read_attributes(reply, nlmsg.HEADER_BYTES + _REPLY.size)
    return BoundSocket(
        address=ip_address(address[: _ADDRESS_BYTES[version]]),
        port=int.from_bytes(port),
        is_v6_only=found.get(_INET_DIAG_SKV6ONLY) == b"\1",
    )
