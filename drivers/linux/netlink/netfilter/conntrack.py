"""Requests to connection tracking and its replies.

Source: linux/netfilter/nfnetlink_conntrack.h.
"""

import socket
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPAddress
from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg

_SUBSYSTEM: Final = 1  # NFNL_SUBSYS_CTNETLINK
_GET, _DELETE = _SUBSYSTEM << 8 | 1, _SUBSYSTEM << 8 | 2

_TUPLE_ORIGINAL, _TUPLE_REPLY, _FILTER = 1, 2, 25
_TUPLE_IP, _TUPLE_PROTOCOL = 1, 2
# Of the attributes in _TUPLE_IP, by IP version.
_SOURCE, _DESTINATION = {IPV4: 1, IPV6: 3}, {IPV4: 2, IPV6: 4}
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_BY_NUMBER, _BY_SOURCE_PORT, _BY_DESTINATION_PORT = 1 << 3, 1 << 4, 1 << 5
_UDP: Final = 17
# The request for all flows of both IP versions. Like: conntrack -L.
GET_FLOWS: Final = nlmsg.pack_netfilter(_GET, family=socket.AF_UNSPEC)
_VERSIONS: Final = {family: version for version, family in nlmsg.ADDRESS_FAMILIES.items()}


class Place(Enum):
    """Where a port stands in a flow: the tuple, and whether it is that of the destination."""

    # Where the first packet comes from, and goes to.
    SOURCE = (_TUPLE_ORIGINAL, _SOURCE_PORT)
    DESTINATION = (_TUPLE_ORIGINAL, _DESTINATION_PORT)
    # Where the replies go: what the first packet's source looks like on the other side.
    SEEN_SOURCE = (_TUPLE_REPLY, _DESTINATION_PORT)


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow: the ends of its first packet, and of the replies."""

    source: IPAddress
    source_port: int
    to: IPAddress
    to_port: int
    # The source of the replies, and their destination.
    answers_from: IPAddress
    answers_from_port: int
    answers_to: IPAddress
    answers_to_port: int
    # What identifies the flow, as the kernel wrote it.
    tuple: bytes

    @property
    def is_source_translated(self) -> bool:
        """Whether the replies go elsewhere than where the first packet came from."""
        return (self.source, self.source_port) != (self.answers_to, self.answers_to_port)


def get_udp_flows(version: int, place: Place | None = None, port: int = 0) -> bytes:
    """Return the request for all UDP flows of an IP version, or those with a port in a place.

    Like: conntrack -L -p udp --orig-port-dst PORT.
    """
    number = nla.attribute(_NUMBER, bytes([_UDP]))
    if place is None:
        return _get_flows(version, _TUPLE_ORIGINAL, _BY_NUMBER, number)
    which, kind = place.value
    flag = {_SOURCE_PORT: _BY_SOURCE_PORT, _DESTINATION_PORT: _BY_DESTINATION_PORT}[kind]
    protocol = number + nla.attribute(kind, port.to_bytes(2))
    return _get_flows(version, which, _BY_NUMBER | flag, protocol)


def _get_flows(version: int, which: int, flags: int, protocol: bytes) -> bytes:
    """Ask for flows by the protocol of a tuple. The filter's flags have the tuple's number."""
    body = nla.nested(which, nla.nested(_TUPLE_PROTOCOL, protocol)) + nla.nested(
        _FILTER, nla.number_attribute(which, flags)
    )
    return nlmsg.pack_netfilter(_GET, body, family=nlmsg.ADDRESS_FAMILIES[version])


def delete_flow(flow: Flow) -> bytes:
    """Like: conntrack -D, for one flow."""
    return nlmsg.pack_netfilter(_DELETE, flow.tuple, family=nlmsg.ADDRESS_FAMILIES[flow.to.version])


def read_port(reply: bytes, place: Place) -> int:
    """Read only one port of a flow: there may be many other flows."""
    which, kind = place.value
    path = (which, _TUPLE_PROTOCOL, kind)
    return int.from_bytes(nla.find(reply[nlmsg.NETFILTER_HEADER_BYTES :], *path))


def read_flow(reply: bytes) -> Flow:
    """Read a reply to any of these requests. A flow without ports has 0 in their place."""
    version = _VERSIONS[nlmsg.read_netfilter_family(reply)]
    body = reply[nlmsg.NETFILTER_HEADER_BYTES :]
    original, back = nla.find(body, _TUPLE_ORIGINAL), nla.find(body, _TUPLE_REPLY)

    def ends(part: bytes) -> tuple[IPAddress, int, IPAddress, int]:
        return (
            ip_address(nla.find(part, _TUPLE_IP, _SOURCE[version])),
            int.from_bytes(nla.find(part, _TUPLE_PROTOCOL, _SOURCE_PORT)),
            ip_address(nla.find(part, _TUPLE_IP, _DESTINATION[version])),
            int.from_bytes(nla.find(part, _TUPLE_PROTOCOL, _DESTINATION_PORT)),
        )

    return Flow(*ends(original), *ends(back), tuple=nla.nested(_TUPLE_ORIGINAL, original))
