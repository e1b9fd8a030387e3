"""The host's addresses that packets leave by, as its addresses and default routes say."""

import errno
import socket
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from typing import Final

from mynet.drivers.api import IPV4, IPV6, IPAddress
from mynet.drivers.linux.links.lookup import default_routes, link_at, list_addresses
from mynet.drivers.linux.netlink.addresses import address_replies
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.notifications import losses
from mynet.drivers.linux.netlink.notifications.subscription import Subscription
from mynet.drivers.linux.netlink.routes import path_requests, route_replies
from mynet.drivers.linux.values.desired import RouteSource
from mynet.drivers.linux.values.observed import Route

_NO_ROUTE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL})
_REMEMBERED: Final = 1.0  # seconds


def is_own(address: IPAddress) -> bool:
    """Return whether the host has an address now. Like: ``ip route get ADDRESS``."""
    message = path_requests.get_route_to(address)
    with Netlink() as nl:
        reply = nl.get(Request(message, f"look up {address}", f"address {address}", _NO_ROUTE))
    return reply is not None and route_replies.is_local(reply)


class RouteSources:
    """The source addresses of default routes, where masquerading would choose another.

    The kernel can only list all routes, thousands on a host with many networks, so the answer is
    remembered until it notifies of a default route. It does not notify of those that a link takes
    along when it goes down, so the answer is remembered for a second at most.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards everything below
        self._changes: Subscription | None = None
        self._known: Sequence[RouteSource] = ()
        self._until = 0.0  # in seconds of time.monotonic

    def get(self) -> Sequence[RouteSource]:
        """Return them. Of several routes over one device, the one with the lowest metric counts.

        Like: ``ip route show default``, "src".
        """
        with self._lock:
            # In this order: what changes after the notifications were read is notified of again.
            if any(self._opened().read()) or time.monotonic() >= self._until:
                self._until = time.monotonic() + _REMEMBERED
                self._known = _read()
            return self._known

    def close(self) -> None:
        """Close the socket for notifications."""
        with self._lock:
            if self._changes is not None:
                self._changes.close()
            self._changes, self._until = None, 0.0

    def _opened(self) -> Subscription:
        if self._changes is None:
            self._changes = Subscription(
                socket.NETLINK_ROUTE, losses.RTNLGRP_IPV4_ROUTE, losses.RTNLGRP_IPV6_ROUTE
            )
            weakref.finalize(self, self._changes.close)
            self._changes.filter(losses.DEFAULT_ROUTES)
        return self._changes


def _read() -> Sequence[RouteSource]:
    with Netlink() as nl:
        return [source for version in (IPV4, IPV6) for source in _sources(nl, version)]


def _sources(nl: Netlink, version: int) -> Iterator[RouteSource]:
    devices: set[int] = set()
    for route in default_routes(nl, version):
        if route.device in devices or not route.device:
            continue
        devices.add(route.device)
        if route.source is None or route.source == _masquerading_source(nl, route):
            continue
        if link := link_at(nl, route.device):
            yield RouteSource(link.name, route.source)


def _masquerading_source(nl: Netlink, route: Route) -> IPAddress | None:
    """Return the address that masquerading takes: the first that shares a subnet with the gateway.

    For IPv6 that depends on the destination, so nothing is returned.
    """
    if not isinstance(route.source, IPv4Address):
        return None
    found = [address_replies.read_address(reply)[1] for reply in list_addresses(nl, route.device)]
    addresses = [address for address in found if address.version == IPV4]
    near = [address for address in addresses if route.gateway in address.network]
    return next((address.ip for address in near or addresses), None)
