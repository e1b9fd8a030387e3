"""Requests to rtnetlink about the way of a packet: the route that wins, and the policy rules.

Sources: rtnetlink(7), ip-rule(8), linux/fib_rules.h.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

from mynet.drivers.api import IPV4, IPAddress, IPNetwork
from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.values.paths import Rule

_RTM_GETRULE: Final = 34
_RTM_F_LOOKUP_TABLE, _RTM_F_FIB_MATCH = 0x1000, 0x2000
_RTA_SRC, _RTA_IIF, _RTA_TABLE = 2, 3, 15
_FRA_PRIORITY, _FRA_TABLE, _FRA_PROTOCOL = 6, 15, 21
_SELECTORS: Final = {10: "fwmark", 20: "uidrange", 22: "ipproto", 23: "sport", 24: "dport"}
_VERSIONS: Final = {family: version for version, family in nlmsg.ADDRESS_FAMILIES.items()}
_ANY: Final = {4: "0.0.0.0/0", 6: "::/0"}


@dataclass(frozen=True, slots=True)
class Winner:
    """The route that the kernel chooses for a packet."""

    kind: int
    table: int
    destination: IPNetwork
    gateway: IPAddress | None
    # The index of the device, 0 for several next hops.
    device: int
    metric: int


def get_route_to(address: IPAddress) -> bytes:
    """Like: ip route get ADDRESS."""
    family, bits = nlmsg.ADDRESS_FAMILIES[address.version], address.max_prefixlen
    body = rt.RTMSG.pack(family, bits, 0, 0, 0, 0, 0, 0, 0)
    return nlmsg.pack_message(rt.RTM_GETROUTE, body + nla.attribute(rt.RTA_DST, address.packed))


def get_winner(destination: IPAddress, source: IPAddress | None = None, index: int = 0) -> bytes:
    """Like: ip route get fibmatch DESTINATION from SOURCE iif DEVICE; without both, the host's."""
    family = nlmsg.ADDRESS_FAMILIES[destination.version]
    bits = destination.max_prefixlen
    # IPv6 always tells the table, and refuses to be asked for it.
    flags = _RTM_F_FIB_MATCH | (_RTM_F_LOOKUP_TABLE if destination.version == IPV4 else 0)
    body = rt.RTMSG.pack(family, bits, bits if source else 0, 0, 0, 0, 0, 0, flags)
    body += nla.attribute(rt.RTA_DST, destination.packed)
    if source is not None:
        body += nla.attribute(_RTA_SRC, source.packed)
    if index:
        body += nla.number_attribute(_RTA_IIF, index)
    return nlmsg.pack_message(rt.RTM_GETROUTE, body)


def read_winner(data: bytes) -> Winner:
    """Read a reply to :func:`get_winner`, or a route of a dump."""
    family, length, _, _, table, _, _, kind, _ = rt.RTMSG.unpack_from(data, nlmsg.HEADER_BYTES)
    payloads = nla.read_attributes(data, nlmsg.HEADER_BYTES + rt.RTMSG.size)
    destination = payloads.get(rt.RTA_DST)
    gateway = payloads.get(rt.RTA_GATEWAY)
    return Winner(
        kind=kind,
        table=nla.read_number(payloads.get(_RTA_TABLE)) or table,
        destination=ip_network((destination, length) if destination else _ANY[_VERSIONS[family]]),
        gateway=ip_address(gateway) if gateway else None,
        device=nla.read_number(payloads.get(rt.RTA_OIF)),
        metric=nla.read_number(payloads.get(rt.RTA_PRIORITY)),
    )


def get_rules(version: int) -> bytes:
    """Like: ip rule show."""
    body = rt.RTMSG.pack(nlmsg.ADDRESS_FAMILIES[version], 0, 0, 0, 0, 0, 0, 0, 0)
    return nlmsg.pack_message(_RTM_GETRULE, body)


def read_rule(data: bytes) -> Rule:
    """Read a reply to :func:`get_rules`."""
    _, _, _, _, table, _, _, action, _ = rt.RTMSG.unpack_from(data, nlmsg.HEADER_BYTES)
    payloads = nla.read_attributes(data, nlmsg.HEADER_BYTES + rt.RTMSG.size)
    return Rule(
        preference=nla.read_number(payloads.get(_FRA_PRIORITY)),
        table=nla.read_number(payloads.get(_FRA_TABLE)) or table,
        action=action,
        selectors=tuple(name for kind, name in _SELECTORS.items() if kind in payloads),
        protocol=int.from_bytes(payloads.get(_FRA_PROTOCOL, b"")),
    )
