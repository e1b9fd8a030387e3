"""The inner end of an endpoint's pair, in its sandbox or on the host."""

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Final

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import KernelError
from mynet.drivers.linux import netns
from mynet.drivers.linux.links.address_routes import restore_routes, settled_routes
from mynet.drivers.linux.links.alias import renamed
from mynet.drivers.linux.links.configuration import add_addresses, set_mac_and_mtu, set_up
from mynet.drivers.linux.links.lookup import EXISTS, MOST, addresses_of, link_at
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.links.own_links import restore_name
from mynet.drivers.linux.links.settings import read_settings, write_settings
from mynet.drivers.linux.netlink.links import link_replies, link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.routes import route_replies, route_requests
from mynet.drivers.linux.netlink.rtnetlink import RTPROT_STATIC
from mynet.drivers.linux.values.desired import Veth, is_on_link, priority
from mynet.drivers.linux.values.observed import Link, Route, Snapshot

_NO_TABLE: Final = frozenset({errno.ENOENT})  # the kernel creates a table with its first route
_LOOPBACK: Final = 1  # the index of lo in every namespace
# The kernel's answers for a namespace, or a link in it, that has ended.
_ENDED: Final = frozenset({errno.EINVAL, errno.ENODEV, errno.ENOENT})


@dataclass(frozen=True, slots=True)
class InnerNamespace:
    """The namespace of the inner end."""

    # A socket in the namespace.
    nl: Netlink
    # A descriptor of the namespace, None for the host's own.
    fd: int | None

    @property
    def words(self) -> str:
        """The place as an error names it."""
        return "on this host" if self.fd is None else "in the sandbox"

    def entered(self) -> AbstractContextManager[None]:
        """Run a block in the namespace."""
        return nullcontext() if self.fd is None else netns.inside(self.fd)


@contextmanager
def open_inner_namespace(sandbox: Sandbox | None) -> Iterator[InnerNamespace]:
    """Open the inner end's namespace. Raises :exc:`SandboxNotFound` if its path leads elsewhere."""
    if sandbox is None:
        with Netlink() as nl:
            yield InnerNamespace(nl, None)
        return
    with netns.open_netns(sandbox.path) as fd, Netlink.inside(fd) as nl:
        netns.require(sandbox, nl.cookie)
        yield InnerNamespace(nl, fd)


def find_inner(host: Netlink, place: InnerNamespace, outer: Link) -> Link | None:
    """Return the other end of a pair if it is in this namespace, whatever its name is."""
    if place.fd is not None:
        request = Request(
            link_requests.get_namespace_number(place.fd), "look up a namespace", "sandbox"
        )
        reply = host.get(request)
        number = link_replies.read_namespace_number(reply) if reply else None
        if number is None or number != outer.peer_namespace:
            return None
    return link_at(place.nl, outer.peer)


def lives(host: Netlink, outer: Link) -> bool:
    """Return whether the other end of a pair exists, and with it the namespace that it is in.

    No path to that namespace is needed. The kernel deletes the pair of a namespace that has ended
    some time later, and meanwhile it does not answer for the other end.
    """
    if outer.peer_namespace is None:
        return link_at(host, outer.peer) is not None
    message = link_requests.get_link_elsewhere(outer.peer, outer.peer_namespace)
    request = Request(
        message, f"look up the peer of {outer.name}", f"interface {outer.name}", _ENDED
    )
    return host.get(request) is not None


def require_inner(host: Netlink, place: InnerNamespace, veth: Veth, outer: Link) -> Link | None:
    """Return the other end of a pair.

    Without a sandbox the caller may have moved and renamed it, as it is meant to: None then. Raises
    :exc:`KernelError` if it is in another namespace, which the daemon does not enter.
    """
    if veth.sandbox is None:
        return None
    if inner := find_inner(host, place, outer):
        return inner
    raise KernelError(
        f"the other end of {veth.name} is not in the sandbox: a program has moved it to another"
        " network namespace, or the one that it is in is ending; move it back, or disconnect the"
        " endpoint and connect it again",
        resource=f"interface {veth.interface}",
        metadata={"errno": "EXDEV", "object": f"interface {veth.interface}"},
    )


def complete(place: InnerNamespace, veth: Veth, inner: Link | None) -> None:
    """Bring the inner end to what it should be; None is the one that was just made.

    Raises :exc:`InterfaceExists` if another link of the sandbox has its name.
    """
    nl, name = place.nl, veth.interface
    index = inner.index if inner else nl.index(name)
    if inner is not None:
        name = restore_name(nl, inner, veth.interface)
    with place.entered():
        write_settings(name, veth.settings)
    if inner is not None:
        _restore(nl, veth, name, inner)
    finish_inner(nl, veth, index)
    if name != veth.interface:
        raise renamed(name, veth.interface, place.words)


def finish_inner(nl: Netlink, veth: Veth, index: int) -> None:
    """Set the inner end up, and add addresses and default routes."""
    if errno.EEXIST in nl.ask(*_requests(veth, index)):
        _require_routes(nl, veth, index)


def _restore(nl: Netlink, veth: Veth, name: str, inner: Link) -> None:
    """Set an inner end up that exists, and add addresses and their routes again.

    The kernel accepts a default route only while it has a route to the gateway's subnet.
    """
    nl.ask(
        *set_mac_and_mtu(inner, veth.mac, veth.mtu),
        *set_up(name, inner.index),
        *add_addresses(name, inner.index, veth.addresses, veth.mac),
    )
    restore_routes(nl, name, inner.index, with_link_local(veth.addresses, veth.mac))


def _requests(veth: Veth, index: int) -> Iterator[Request]:
    yield Request(link_requests.set_up(_LOOPBACK), "set lo up", "interface lo")
    yield from set_up(veth.interface, index)
    yield from add_addresses(veth.interface, index, veth.addresses, veth.mac)
    for gateway in veth.gateways:
        yield Request(
            route_requests.add_default_route(
                index, gateway, veth.metric, onlink=not is_on_link(gateway, veth.addresses)
            ),
            f"add a default route via {gateway} to {veth.interface}",
            f"interface {veth.interface}",
            EXISTS,
        )


def _require_routes(nl: Netlink, veth: Veth, index: int) -> None:
    """Raise :exc:`KernelError` if a default route that exists is not the endpoint's own."""
    routes = _default_routes(nl, veth, index)
    for gateway in veth.gateways:
        metric = priority(gateway, veth.metric)
        if not any(route.leads_over(gateway, index, metric) for route in routes):
            raise KernelError(
                f"the sandbox has another default route with metric {metric}, and two networks of"
                " one sandbox need different metrics: delete that route, or connect with another"
                " gateway_priority (--gw-priority)",
                resource=f"interface {veth.interface}",
                metadata={"errno": "EEXIST", "object": f"default via {gateway}"},
            )


def _default_routes(nl: Netlink, veth: Veth, index: int) -> frozenset[Route]:
    """Return the default routes over the inner end, at least those that it should have.

    The routes with the protocol number of the daemon's are read first, and others only if one is
    missing: the sandbox of a router has hundreds of thousands. Raises :exc:`KernelError` if more
    than MOST must be read. Like: ``ip route show default dev NAME proto static``.
    """
    routes: set[Route] = set()
    for gateway in veth.gateways:
        metric = priority(gateway, veth.metric)
        doing = f"list the IPv{gateway.version} routes over an interface"
        for protocol in (RTPROT_STATIC, 0):
            message = route_requests.get_default_routes(gateway.version, index, protocol)
            replies = nl.dump(Request(message, doing, "routes", _NO_TABLE), MOST)
            found = map(route_replies.read_route, filter(route_replies.is_default, replies))
            routes |= {route for route in found if route.device == index}
            if any(route.leads_over(gateway, index, metric) for route in routes):
                break
    return frozenset(routes)


def inspect_inner(host: Netlink, veth: Veth, outer: Link | None, outside: Snapshot) -> Snapshot:
    """Return a snapshot with what exists of the inner end, the other end of ``outer``."""
    with open_inner_namespace(veth.sandbox) as place:
        inner = find_inner(host, place, outer) if outer else None
        if inner is None:
            return outside
        try:
            return _inspect(place, inner, veth, outside)
        except KernelError as error:
            return replace(outside, inner=inner, unread=str(error))


def _inspect(place: InnerNamespace, inner: Link, veth: Veth, outside: Snapshot) -> Snapshot:
    nl = place.nl
    with place.entered():
        settings = read_settings(inner.name, veth.settings)
    addresses = addresses_of(nl, inner.index)
    wanted = with_link_local(veth.addresses, veth.mac) if veth.sandbox else ()
    own = [address for address in wanted if address in addresses]
    return replace(
        outside,
        inner=inner,
        addresses=addresses,
        address_routes=settled_routes(nl, inner.index, own),
        routes=_default_routes(nl, veth, inner.index),
        settings=settings,
    )
