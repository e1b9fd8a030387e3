"""Requests to connection tracking and its replies, about flows of UDP.

Source: linux/netfilter/nfnetlink_conntrack.h.
"""

from dataclasses import dataclass
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
_FILTER_ORIGINAL: Final = 1
_BY_NUMBER, _BY_DESTINATION_PORT = 1 << 3, 1 << 5
_UDP: Final = 17
_VERSIONS: Final = {family: version for version, family in nlmsg.ADDRESS_FAMILIES.items()}


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow: the destination of its first packet, and the source of the replies."""

    to: IPAddress
    to_port: int
    answers_from: IPAddress
    answers_from_port: int
    # What identifies the flow, as the kernel wrote it.
    tuple: bytes


def get_udp_flows(version: int, port: int | None = None) -> bytes:
    """Like: conntrack -L -p udp --orig-port-dst PORT; without a port, flows to all ports."""
    flags, protocol = _BY_NUMBER, nla.attribute(_NUMBER, bytes([_UDP]))
    if port is not None:
        flags |= _BY_DESTINATION_PORT
        protocol += nla.attribute(_DESTINATION_PORT, port.to_bytes(2))
    body = nla.nested(_TUPLE_ORIGINAL, nla.nested(_TUPLE_PROTOCOL, protocol)) + nla.nested(
        _FILTER, nla.number_attribute(_FILTER_ORIGINAL, flags)
    )
    return nlmsg.pack_netfilter(_GET, body, family=nlmsg.ADDRESS_FAMILIES[version])


def delete_flow(flow: Flow) -> bytes:
    """Like: conntrack -D, for one flow."""
    return nlmsg.pack_netfilter(_DELETE, flow.tuple, family=nlmsg.ADDRESS_FAMILIES[flow.to.version])


def read_port(reply: bytes) -> int:
    """Read only the destination port of a flow's first packet: there may be many other flows."""
    path = (_TUPLE_ORIGINAL, _TUPLE_PROTOCOL, _DESTINATION_PORT)
    return int.from_bytes(nla.find(reply[nlmsg.NETFILTER_HEADER_BYTES :], *path))


def read_flow(reply: bytes) -> Flow:
    """Read a reply to :func:`get_udp_flows`."""
    version = _VERSIONS[nlmsg.read_netfilter_family(reply)]
    body = reply[nlmsg.NETFILTER_HEADER_BYTES :]
    original, back = nla.find(body, _TUPLE_ORIGINAL), nla.find(body, _TUPLE_REPLY)
    return Flow(
        to=ip_address(nla.find(original, _TUPLE_IP, _DESTINATION[version])),
        to_port=read_port(reply),
        answers_from=ip_address(nla.find(back, _TUPLE_IP, _SOURCE[version])),
        answers_from_port=int.from_bytes(nla.find(back, _TUPLE_PROTOCOL, _SOURCE_PORT)),
        tuple=nla.nested(_TUPLE_ORIGINAL, original),
    )
