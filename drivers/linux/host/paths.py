"""The way between the world outside and networks, and what other programs put in the way.

The kernel itself is asked which route wins for a packet from outside, as it knows all tables, rules
and metrics. Only where the answer is another device than the network's bridge, the cause is looked
for. Packets with marks, of users or with ports that policy rules select are not asked about.
"""

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPAddress
from mynet.drivers.linux import sysctl
from mynet.drivers.linux.links.lookup import list_addresses
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.netlink.addresses import address_replies
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.routes import path_requests, reply_requests, route_requests
from mynet.drivers.linux.netlink.routes.path_requests import Winner
from mynet.drivers.linux.values.paths import Obstacle, Path, Rule

_REFUSED: Final = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL, errno.EACCES, errno.EAGAIN, errno.ENODEV}
)
_FORBIDDING: Final = {
    rt.RTN_BLACKHOLE: "blackhole",
    rt.RTN_UNREACHABLE: "unreachable",
    rt.RTN_PROHIBIT: "prohibit",
    rt.RTN_THROW: "throw",
}
# Addresses that no host has: the former 6to4 relays (RFC 7526), and documentation (RFC 9637).
_FAR_AWAY: Final = {IPV4: ip_address("192.88.99.1"), IPV6: ip_address("3fff::1")}
_TO_TABLE: Final = 1  # FR_ACT_TO_TBL
_STANDARD: Final = {rt.RT_TABLE_LOCAL: 0, rt.RT_TABLE_MAIN: 32766}  # the rules of every host
_DEFAULT_TABLE: Final = 253
_ARP_IGNORE: Final = sysctl.NET / "ipv4/conf/all/arp_ignore"
_ANSWERING: Final = 3  # the highest arp_ignore with which the host answers for its own addresses


def obstacles(paths: Sequence[Path]) -> Sequence[Obstacle]:
    """Return what stands in the way of packets on these paths, one for each path at most.

    Like: ``ip route get fibmatch ADDRESS from NEXTHOP iif UPLINK``.
    """
    with Netlink() as nl:
        lookups = {version: _Lookups(nl, version) for version in {p.address.version for p in paths}}
        found = ((path, lookups[path.address.version].obstacle(path)) for path in paths)
        return [Obstacle(path, *words) for path, words in found if words]


def route_device(nl: Netlink, source: IPAddress) -> int:
    """Return the index of the device by which packets from ``source`` go far away, 0 without one.

    Like: ``ip route get ADDRESS from SOURCE``.
    """
    message = path_requests.get_winner(_FAR_AWAY[source.version], source)
    reply = nl.get(Request(message, f"look up a route from {source}", "routes", _REFUSED))
    return path_requests.read_winner(reply).device if reply else 0


def unchecked_rules() -> Sequence[str]:
    """Return the policy rules that a lookup does not exercise, such as ``fwmark (IPv4, 100)``."""
    with Netlink() as nl:
        return [
            f"{' and '.join(rule.selectors)} (IPv{version}, preference {rule.preference})"
            for version in (IPV4, IPV6)
            for rule in _list_rules(nl, version)
            if rule.selectors and rule.protocol != reply_requests.PROTOCOL
        ]


def _list_rules(nl: Netlink, version: int) -> list[Rule]:
    request = Request(
        path_requests.get_rules(version), "list rules", "rules", frozenset({errno.EOPNOTSUPP})
    )
    return list(map(path_requests.read_rule, nl.dump(request)))


@dataclass(frozen=True)
class _Lookups:
    """What is looked up of one IP version, once for all paths."""

    nl: Netlink
    version: int

    @property
    def _ip(self) -> str:
        return "ip" if self.version == IPV4 else "ip -6"

    @cached_property
    def _rules(self) -> Sequence[Rule]:
        return _list_rules(self.nl, self.version)

    @cached_property
    def _uplink(self) -> tuple[int, IPAddress] | None:
        """The device and the next hop of packets to the world outside, None without a next hop.

        The kernel looks it up, because a host with many networks has thousands of other routes.
        """
        route = self._winner(_FAR_AWAY[self.version])
        return (route.device, route.gateway) if route and route.device and route.gateway else None

    @cached_property
    def _foreign_rules(self) -> Sequence[Rule]:
        """The rules that other programs have added."""
        return [
            rule
            for rule in self._rules
            if rule.preference
            and rule.protocol != reply_requests.PROTOCOL
            and (rule.action != _TO_TABLE or rule.table not in (*_STANDARD, _DEFAULT_TABLE))
        ]

    def obstacle(self, path: Path) -> tuple[str, str] | None:
        """Return the problem on a path, and the command that solves it."""
        bridge = self.nl.index(path.bridge)
        if not bridge:
            return None
        if self._of_host:
            return self._of_host
        uplink = self._uplink if path.is_forwarded else None
        inwards = self._winner(path.address, uplink[1], uplink[0]) if uplink else None
        if inwards is None and uplink and (off := self._forwarding_off(uplink[0])):
            return off
        if inwards is None:
            inwards = self._winner(path.address)
        if inwards is None or inwards.device != bridge:
            return self._explain(path, inwards)
        if uplink and self._foreign_rules and not self._winner(uplink[1], path.address, bridge):
            words = f"A policy rule rejects packets from {path.subnet} to the world outside."
            return words, self._rule_before(f"from {path.subnet}")
        return None

    def _winner(
        self, destination: IPAddress, source: IPAddress | None = None, index: int = 0
    ) -> Winner | None:
        """Return the route that wins, None if the kernel would not forward the packet."""
        message = path_requests.get_winner(destination, source, index)
        reply = self.nl.get(Request(message, f"look up {destination}", "routes", _REFUSED))
        return path_requests.read_winner(reply) if reply else None

    def _forwarding_off(self, uplink: int) -> tuple[str, str] | None:
        """Return the obstacle of an uplink from which the host does not forward, alone."""
        name = self.nl.name(uplink)
        setting = sysctl.NET / f"ipv{self.version}/conf" / name / "forwarding"
        of_all = sysctl.NET / f"ipv{self.version}/conf/all/forwarding"
        if sysctl.is_on(setting) or not sysctl.is_on(of_all):
            return None
        key = sysctl.name_of(setting)
        words = f"The host forwards no IPv{self.version} packets from {name} ({key} is 0)."
        return words, f"sysctl -w {key}=1"

    @cached_property
    def _of_host(self) -> tuple[str, str] | None:
        """The obstacle on all paths: no ARP, or a missing rule of those that every host has."""
        if self.version == IPV4 and (value := int(sysctl.read(_ARP_IGNORE))) > _ANSWERING:
            key = sysctl.name_of(_ARP_IGNORE)
            words = f"The host answers no ARP requests ({key} is {value})."
            return words, f"sysctl -w {key}=0"
        for table, preference in _STANDARD.items():
            if not any(rule.table == table for rule in self._rules):
                name = "local" if table == rt.RT_TABLE_LOCAL else "main"
                words = f"No policy rule looks up the table {name}, which has the host's routes."
                return words, f"{self._ip} rule add pref {preference} lookup {name}"
        return None

    def _explain(self, path: Path, winner: Winner | None) -> tuple[str, str] | None:
        """Return the cause of a winner that is not the bridge's route; None if it is not known."""
        winner = winner or self._forbidding_route(path)
        if winner is None:
            words = f"A policy rule rejects packets to {path.subnet}."
            return (words, self._rule_before(f"to {path.subnet}")) if self._foreign_rules else None
        if winner.kind == rt.RTN_LOCAL:
            return self._explain_local(path, winner)
        if winner.table != rt.RT_TABLE_MAIN:
            words = f"A policy rule leads packets to {path.address} by table {winner.table}."
            return words, self._rule_before(f"to {path.subnet}")
        if winner.destination.prefixlen < path.subnet.prefixlen:
            return None  # the bridge's own route is missing, which is not another program's
        words = f"The route {self._written(winner)} leads packets to {path.address} elsewhere."
        return words, f"{self._ip} route del {self._written(winner)}"

    def _explain_local(self, path: Path, winner: Winner) -> tuple[str, str] | None:
        """Return the obstacle of an endpoint's address that the host has on another device."""
        for reply in list_addresses(self.nl):
            index, address = address_replies.read_address(reply)
            if address.ip == path.address:
                name = self.nl.name(index)
                words = f"The host itself has the address {path.address}, on {name}."
                return words, f"{self._ip} address del {address} dev {name}"
        return f"The host has a local route {winner.destination}.", (
            f"{self._ip} route del local {winner.destination} table local"
        )

    def _forbidding_route(self, path: Path) -> Winner | None:
        """Return the most specific route of the table main that forbids packets to an address."""
        message = route_requests.get_routes(self.version, table=rt.RT_TABLE_MAIN)
        replies = self.nl.dump(Request(message, f"list IPv{self.version} routes", "routes"))
        routes = map(path_requests.read_winner, replies)
        forbidding = [
            route
            for route in routes
            if route.kind in _FORBIDDING and path.address in route.destination
        ]
        return max(forbidding, key=lambda route: route.destination.prefixlen, default=None)

    def _rule_before(self, selector: str) -> str:
        """Return the line for a rule that comes before those of other programs."""
        first = min(rule.preference for rule in self._foreign_rules or self._rules)
        if first <= 1:
            return f"{self._ip} rule del pref {first}"
        return f"{self._ip} rule add pref {first - 1} {selector} lookup main"

    def _written(self, route: Winner) -> str:
        """Return a route as ip(8) writes it."""
        words = [_FORBIDDING[route.kind]] if route.kind in _FORBIDDING else []
        words.append(str(route.destination))
        if route.gateway:
            words.append(f"via {route.gateway}")
        if route.device and route.kind not in _FORBIDDING:
            words.append(f"dev {self.nl.name(route.device)}")
        if route.metric:
            words.append(f"metric {route.metric}")
        return " ".join(words)
