"""Policy rules and routes by which marked replies leave by the uplink that their request came by.

The firewall marks them: see ``ruleset.nft``. A rule of a bridge leads its packets with an uplink's
number to the uplink's own table, which has the uplink's default route and its subnets.
"""

import errno
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from mynet.drivers.api import IPV4
from mynet.drivers.linux import sysctl
from mynet.drivers.linux.host.paths import route_device
from mynet.drivers.linux.host.uplinks import Routing
from mynet.drivers.linux.links.lookup import list_addresses
from mynet.drivers.linux.netlink.addresses import address_replies
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.routes import reply_requests
from mynet.drivers.linux.values.replies import ReplyRule, Uplink, UplinkRoute

_EXISTS: Final = frozenset({errno.EEXIST})
_GONE: Final = frozenset({errno.ENOENT, errno.ESRCH, errno.ENODEV})
_DOWN: Final = frozenset({errno.ENETDOWN, errno.ENODEV})  # then its routes are gone too
_STRICT: Final = 1  # of rp_filter


class Replies:
    """What leads replies back; one thread changes it at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def uplinks(self) -> Sequence[Uplink]:
        """Like: ip route show table all default."""
        with Netlink() as nl:
            return Routing(nl).uplinks

    def lead(self, bridge: str) -> None:
        """Like: ip rule add iif BRIDGE fwmark MARK/MASK lookup TABLE, for each uplink."""
        with self._lock, Netlink() as nl:
            routing = Routing(nl)
            _replace_routes(nl, routing.copied, routing.copies)
            _replace_rules(nl, routing.own_rules({bridge}), routing.rules_for(bridge))

    def release(self, bridges: Collection[str]) -> None:
        """Like: ip rule delete iif BRIDGE; ip route flush table TABLE without any rule left."""
        with self._lock, Netlink() as nl:
            routing = Routing(nl)
            _replace_rules(nl, routing.own_rules(bridges), frozenset())
            if not routing.led - set(bridges):
                _replace_routes(nl, routing.copied, frozenset())

    def led(self) -> frozenset[str]:
        """Like: ip rule show proto 109, "iif"."""
        with Netlink() as nl:
            return Routing(nl).led

    def differences(self, bridges: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Compare the rules of bridges, and the tables that they share."""
        with Netlink() as nl:
            routing = Routing(nl)
            if not bridges:
                return {}
            of_tables = [
                f"The routing table {route.table} {words} the route to {route.destination}."
                for words, routes in (
                    ("lacks", routing.copies - routing.copied),
                    ("still has", routing.copied - routing.copies),
                )
                for route in routes
            ]
            found = {bridge: [*of_tables, *routing.of_rules(bridge)] for bridge in bridges}
        return {bridge: words for bridge, words in found.items() if words}

    def filtered(self) -> Sequence[str]:
        """Like: ip route get ADDRESS from UPLINK_ADDRESS; sysctl net.ipv4.conf.UPLINK.rp_filter."""
        with Netlink() as nl:
            return [nl.name(index) for index in Routing(nl).numbers if _is_filtered(nl, index)]


def _replace_rules(nl: Netlink, before: frozenset[ReplyRule], after: frozenset[ReplyRule]) -> None:
    added = [
        Request(reply_requests.add_rule(rule), "add a policy rule for replies", "rules", _EXISTS)
        for rule in after - before
    ]
    removed = [
        Request(reply_requests.delete_rule(rule), "delete a policy rule", "rules", _GONE)
        for rule in before - after
    ]
    if added or removed:
        nl.ask(*added, *removed)


def _replace_routes(
    nl: Netlink, before: frozenset[UplinkRoute], after: frozenset[UplinkRoute]
) -> None:
    """Bring the tables of uplinks to other routes. A route to the same destination is replaced."""
    kept = {(route.table, route.destination) for route in after}
    added = [
        Request(reply_requests.replace_route(route), "add a route for replies", "routes", _DOWN)
        for route in after - before
    ]
    removed = [
        Request(reply_requests.delete_route(route), "delete a route", "routes", _GONE)
        for route in before
        if (route.table, route.destination) not in kept
    ]
    if added or removed:
        nl.ask(*removed, *added)


def _is_filtered(nl: Netlink, index: int) -> bool:
    """Return whether strict rp_filter drops packets from far away that come by an uplink."""
    values = [
        sysctl.read(sysctl.NET / "ipv4/conf" / name / "rp_filter")
        for name in ("all", nl.name(index))
    ]
    if max(map(int, values)) != _STRICT:
        return False
    found = (address_replies.read_address(reply)[1] for reply in list_addresses(nl, index))
    own = next((address.ip for address in found if address.version == IPV4), None)
    return own is not None and route_device(nl, own) != index
