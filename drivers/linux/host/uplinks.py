"""The host's uplinks, and the policy rules and routes that lead replies back to them, as they are.

An uplink's own table says which number it has, so a number outlives the daemon.
"""

import errno
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from mynet.drivers.api import IPV4, IPV6
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.routes import reply_requests
from mynet.drivers.linux.netlink.routes.path_requests import get_rules
from mynet.drivers.linux.values.replies import MOST_UPLINKS, ReplyRule, Uplink, UplinkRoute

_VERSIONS: Final = (IPV4, IPV6)
_NUMBERS: Final = range(1, MOST_UPLINKS + 1)
_NO_TABLE: Final = frozenset({errno.ENOENT, errno.EOPNOTSUPP, errno.EAFNOSUPPORT})


@dataclass(frozen=True)
class Routing:
    """The rules and routes of the host, read once each."""

    nl: Netlink

    @cached_property
    def _all_rules(self) -> Sequence[bytes]:
        return [
            reply
            for version in _VERSIONS
            for reply in self.nl.dump(Request(get_rules(version), "list rules", "rules", _NO_TABLE))
            if reply_requests.is_own(reply)
        ]

    @cached_property
    def _rules(self) -> frozenset[ReplyRule]:
        return frozenset(filter(None, map(reply_requests.read_rule, self._all_rules)))

    @cached_property
    def led(self) -> frozenset[str]:
        """The bridges with rules."""
        return frozenset(rule.bridge for rule in self._rules)

    def own_rules(self, bridges: Collection[str]) -> frozenset[ReplyRule]:
        """Return the rules of bridges that exist."""
        return frozenset(rule for rule in self._rules if rule.bridge in bridges)

    def rules_for(self, bridge: str) -> frozenset[ReplyRule]:
        """Return the rules that a bridge should have."""
        return frozenset(
            ReplyRule(route.version, bridge, self.numbers[route.device])
            for route in self._defaults
            if route.device in self.numbers
        )

    def of_rules(self, bridge: str) -> Iterator[str]:
        """Yield the differences of a bridge's rules."""
        wanted, found = self.rules_for(bridge), self.own_rules({bridge})
        for words, rules in (("lacks", wanted - found), ("still has", found - wanted)):
            for rule in sorted(rules, key=lambda rule: (rule.version, rule.number)):
                table = reply_requests.table_of(rule.number)
                yield (
                    f"The host {words} the IPv{rule.version} policy rule that leads replies from"
                    f" {bridge} to the table {table}."
                )

    @cached_property
    def copied(self) -> frozenset[UplinkRoute]:
        """The routes in the tables of uplinks."""
        return frozenset(
            route
            for version in _VERSIONS
            for number in _NUMBERS
            for _, route in self._read(version, reply_requests.table_of(number))
        )

    @cached_property
    def _foreign(self) -> Sequence[tuple[int, UplinkRoute]]:
        """The metrics and routes of other tables, best first."""
        own = {reply_requests.table_of(number) for number in (0, *_NUMBERS)}
        found = (
            (metric, route)
            for version in _VERSIONS
            for metric, route in self._read(version)
            if route.table not in own | {rt.RT_TABLE_LOCAL}
        )
        return sorted(
            found,
            key=lambda pair: (pair[1].table != rt.RT_TABLE_MAIN, pair[1].table, pair[0]),
        )

    def _read(self, version: int, table: int = 0) -> Iterator[tuple[int, UplinkRoute]]:
        message = reply_requests.get_routes(version, table)
        for reply in self.nl.dump(Request(message, "list routes", "routes", _NO_TABLE)):
            yield from reply_requests.read_routes(reply)

    @cached_property
    def _defaults(self) -> Sequence[UplinkRoute]:
        """The best default route of each uplink for each IP version."""
        best: dict[tuple[int, int], UplinkRoute] = {}
        for _, route in self._foreign:
            if not route.destination.prefixlen:
                best.setdefault((route.version, route.device), route)
        return list(best.values())

    @cached_property
    def numbers(self) -> Mapping[int, int]:
        """The number of each uplink by its index: the one that it has, or the lowest free one."""
        devices = sorted({route.device for route in self._defaults})
        tables = {route.table: route.device for route in self.copied}
        numbers: dict[int, int] = {}
        for number in _NUMBERS:
            device = tables.get(reply_requests.table_of(number))
            if device in devices:
                numbers.setdefault(device, number)
        free = (number for number in _NUMBERS if number not in numbers.values())
        new = [device for device in devices if device not in numbers]
        return numbers | dict(zip(new, free, strict=False))

    @cached_property
    def uplinks(self) -> Sequence[Uplink]:
        """The uplinks that still have a name."""
        named = ((self.nl.name(index), number) for index, number in self.numbers.items())
        return sorted(
            (Uplink(name, number) for name, number in named if name), key=lambda up: up.number
        )

    @cached_property
    def copies(self) -> frozenset[UplinkRoute]:
        """The routes that the tables should have."""
        on_link = [
            route
            for _, route in self._foreign
            if route.gateway is None
            and route.destination.prefixlen
            and not route.destination.is_link_local
        ]
        return frozenset(
            replace(route, table=reply_requests.table_of(self.numbers[route.device]))
            for route in (*self._defaults, *on_link)
            if route.device in self.numbers
        )
