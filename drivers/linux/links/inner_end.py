"""The inner end of an endpoint's pair, in its sandbox or on the host."""

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Final

from mynet.drivers.api import IPV4, IPV6, Sandbox
from mynet.drivers.errors import KernelError
from mynet.drivers.linux import netns
from mynet.drivers.linux.links.address_routes import restore_routes, settled_routes
from mynet.drivers.linux.links.bridges import add_addresses, set_up
from mynet.drivers.linux.links.lookup import EXISTS, addresses_of, default_routes, find_link
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.links.settings import read_settings
from mynet.drivers.linux.netlink import address_requests, link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Veth, priority
from mynet.drivers.linux.values.observed import Snapshot

_LOOPBACK: Final = 1  # the index of lo in every namespace


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


def finish_inner(nl: Netlink, veth: Veth) -> None:
    """Set the inner end up, and add addresses and default routes."""
    index = nl.index(veth.interface)
    if errno.EEXIST in nl.ask(*_requests(veth, index)):
        _require_routes(nl, veth, index)


def restore_inner(nl: Netlink, veth: Veth) -> None:
    """Set an inner end up that exists, and add addresses and their routes again.

    The kernel accepts a default route only while it has a route to the gateway's subnet.
    """
    name, index = veth.interface, nl.index(veth.interface)
    nl.ask(
        *set_up(name, index),
        *add_addresses(name, index, veth.addresses, veth.mac),
    )
    restore_routes(nl, name, index, with_link_local(veth.addresses, veth.mac))


def _requests(veth: Veth, index: int) -> Iterator[Request]:
    yield Request(link_requests.set_up(_LOOPBACK), "set lo up", "interface lo")
    yield from set_up(veth.interface, index)
    yield from add_addresses(veth.interface, index, veth.addresses, veth.mac)
    for gateway in veth.gateways:
        yield Request(
            address_requests.add_default_route(index, gateway, veth.metric),
            f"add a default route via {gateway} to {veth.interface}",
            f"interface {veth.interface}",
            EXISTS,
        )


def _require_routes(nl: Netlink, veth: Veth, index: int) -> None:
    """Raise :exc:`KernelError` if a default route that exists is not the endpoint's own."""
    for gateway in veth.gateways:
        metric = priority(gateway, veth.metric)
        routes = default_routes(nl, gateway.version)
        if not any(route.leads_over(gateway, index, metric) for route in routes):
            raise KernelError(
                f"the sandbox has another default route with metric {metric}: two networks of one"
                " sandbox need different metrics",
                resource=f"interface {veth.interface}",
                metadata={"errno": "EEXIST", "object": f"default via {gateway}"},
            )


def inspect_inner(nl: Netlink, veth: Veth, outside: Snapshot) -> Snapshot:
    """Return a snapshot with what exists in the namespace of this thread."""
    inner = find_link(nl, veth.interface)
    if inner is None:
        return outside
    addresses = addresses_of(nl, inner.index)
    wanted = with_link_local(veth.addresses, veth.mac) if veth.sandbox else ()
    own = [address for address in wanted if address in addresses]
    routes = (*default_routes(nl, IPV4), *default_routes(nl, IPV6))
    return replace(
        outside,
        inner=inner,
        addresses=addresses,
        address_routes=settled_routes(nl, inner.index, own),
        routes=frozenset(route for route in routes if route.device == inner.index),
        settings=read_settings(veth.interface, veth.settings),
    )
