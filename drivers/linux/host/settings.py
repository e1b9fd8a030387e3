"""The host's routes, and the settings of the whole host that mynet changes."""

import errno
import logging
import socket
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPAddress, IPNetwork
from mynet.drivers.linux import sysctl
from mynet.drivers.linux.host import leaving
from mynet.drivers.linux.host.paths import obstacles, unchecked_rules
from mynet.drivers.linux.host.replies import Replies
from mynet.drivers.linux.host.router_advertisements import IPV6_FORWARDING, ignoring_settings
from mynet.drivers.linux.kernel_errors import refused
from mynet.drivers.linux.links.lookup import default_routes, link_at, list_addresses
from mynet.drivers.linux.netlink.addresses import address_replies
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.routes import route_replies, route_requests
from mynet.drivers.linux.values.desired import DEFAULT_MTU, RouteSource
from mynet.drivers.linux.values.paths import Obstacle, Path
from mynet.drivers.linux.values.replies import Uplink

logger = logging.getLogger(__name__)

_FORWARDING: Final = {IPV4: sysctl.NET / "ipv4/ip_forward", IPV6: IPV6_FORWARDING}
_ACCEPT_ALWAYS: Final = "2"  # of accept_ra


def ip_versions() -> frozenset[int]:
    """Return the IP versions that the kernel has.

    A kernel that was booted with ``ipv6.disable=1``, or has no module ipv6, makes no socket of
    IPv6. Source: ipv6(7), "ERRORS".
    """
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            return frozenset({IPV4})
        raise refused(error.errno or errno.EIO, "open a socket of IPv6", "IPv6") from error
    return frozenset({IPV4, IPV6})


class Host:
    """Implements :class:`~mynet.drivers.linux.interface.host.Host` by netlink and sysctls."""

    def __init__(self) -> None:
        self._route_sources = leaving.RouteSources()
        self._replies = Replies()

    def ip_versions(self) -> frozenset[int]:
        """Like: test -e /proc/net/if_inet6."""
        return ip_versions()

    def is_own(self, address: IPAddress) -> bool:
        """Like: ip route get ADDRESS."""
        return leaving.is_own(address)

    def route_sources(self) -> Sequence[RouteSource]:
        """Like: ip route show default."""
        return self._route_sources.get()

    def uplink_mtu(self) -> int:
        """Like: ip route show default; ip link show.

        IPv4 comes before IPv6. A network must not exceed the uplink's MTU: cloud networks have 1400
        to 1460 bytes and lose larger packets.
        """
        with Netlink() as nl:
            for version in (IPV4, IPV6):
                for route in default_routes(nl, version):
                    link = link_at(nl, route.device) if route.device else None
                    if link is not None:
                        return link.mtu
        return DEFAULT_MTU

    def occupied_subnets(self) -> Sequence[IPNetwork]:
        """Like: ip addr show; ip route show table all."""
        with Netlink() as nl:
            subnets = {
                subnet
                for reply in list_addresses(nl)
                for subnet in address_replies.subnets_of_address(reply)
            }
            for version in (IPV4, IPV6):
                message = route_requests.get_routes(version)
                routes = nl.dump(Request(message, f"list IPv{version} routes", "routes"))
                subnets |= {
                    subnet for reply in routes for subnet in route_replies.subnets_of_route(reply)
                }
        return list(subnets)

    def forwarded_versions(self) -> frozenset[int]:
        """Like: sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding."""
        return frozenset(
            version for version, setting in _FORWARDING.items() if sysctl.is_on(setting)
        )

    def enable_forwarding(self, versions: Collection[int]) -> None:
        """Like: sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1."""
        for version, setting in _FORWARDING.items():
            if version not in versions or sysctl.read(setting) != "0":
                continue
            if version == IPV6:
                self.accept_router_advertisements()
            sysctl.write(setting, "1")
            logger.warning(
                "turned on IP forwarding on this host (%s): a network needs it",
                sysctl.name_of(setting),
            )

    def accept_router_advertisements(self) -> None:
        """Like: sysctl -w net.ipv6.conf.UPLINK.accept_ra=2.

        This must come before forwarding is turned on, when the kernel deletes the default route.
        """
        for setting in ignoring_settings():
            sysctl.write(setting, _ACCEPT_ALWAYS)
            logger.warning(
                "set %s=2: the host forwards and still has its routes from router advertisements",
                sysctl.name_of(setting),
            )

    def uplinks(self) -> Sequence[Uplink]:
        """Like: ip route show table all default."""
        return self._replies.uplinks()

    def lead_replies(self, bridge: str) -> None:
        """Like: ip rule add iif BRIDGE fwmark MARK/MASK lookup TABLE."""
        self._replies.lead(bridge)

    def release_replies(self, bridges: Collection[str]) -> None:
        """Like: ip rule delete iif BRIDGE."""
        self._replies.release(bridges)

    def reply_bridges(self) -> frozenset[str]:
        """Like: ip rule show."""
        return self._replies.led()

    def reply_differences(self, bridges: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Like: ip rule show; ip route show table all."""
        return self._replies.differences(bridges)

    def filtered_uplinks(self) -> Sequence[str]:
        """Like: sysctl net.ipv4.conf.UPLINK.rp_filter."""
        return self._replies.filtered()

    def next_hops(self) -> Mapping[int, IPAddress]:
        """Like: ip route show default."""
        hops: dict[int, IPAddress] = {}
        with Netlink() as nl:
            for version in (IPV4, IPV6):
                for route in default_routes(nl, version):
                    if route.gateway:
                        hops.setdefault(version, route.gateway)
        return hops

    def obstacles(self, paths: Sequence[Path]) -> Sequence[Obstacle]:
        """Like: ip route get fibmatch ADDRESS from NEXTHOP iif UPLINK, for each path."""
        return obstacles(paths)

    def unchecked_rules(self) -> Sequence[str]:
        """Like: ip rule show."""
        return unchecked_rules()

    def close(self) -> None:
        """Close the descriptor that is kept between calls."""
        self._route_sources.close()
