"""Endpoints: a pair of links, the outer in a bridge of the host, the inner in a sandbox.

The order of the messages is that of least time under RTNL: the pair is made in one message with the
inner end already where it belongs, the outer end is finished in one datagram and the inner in
another, and nothing is asked that is known. Some 2 ms, nearly all of it building messages.
"""

import errno
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import KernelError, SandboxNotFound
from mynet.drivers.linux import netns
from mynet.drivers.linux.host import sysctl
from mynet.drivers.linux.host.routes import default_routes
from mynet.drivers.linux.links import gratuitous_arp, shaping
from mynet.drivers.linux.links.alias import is_ours, taken
from mynet.drivers.linux.links.bridges import GONE, STANDS, addresses_of, bring_up, find_link, shape
from mynet.drivers.linux.links.gratuitous_arp import Announcer
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.netlink import address_requests, link_requests, pyroute2_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Veth, priority
from mynet.drivers.linux.values.observed import Link, Snapshot

_LOOPBACK = 1  # the index of lo in every namespace


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the inner end lives: a socket there, and the descriptor the kernel is told it by.

    Without a sandbox that is the host's own namespace, which needs no telling.
    """

    nl: Netlink
    fd: int | None

    @property
    def words(self) -> str:
        """Say where, in an error."""
        return "on this host" if self.fd is None else "in the sandbox"

    def entered(self) -> AbstractContextManager[None]:
        """Be there for the time of a block."""
        return nullcontext() if self.fd is None else netns.inside(self.fd)


@contextmanager
def _place(sandbox: Sandbox | None) -> Iterator[_Place]:
    """Go where the inner end lives. Raises :exc:`SandboxNotFound` if it is another place now."""
    if sandbox is None:
        with Netlink() as nl:
            yield _Place(nl, None)
        return
    with netns.open_netns(sandbox.path) as fd, Netlink.inside(fd) as nl:
        netns.require(sandbox, nl.cookie)
        yield _Place(nl, fd)


def attach(veth: Veth, announcer: Announcer) -> None:
    """Make the endpoint, or bring it to what it should be.

    When it returns, packets flow over IPv4 and IPv6. What an earlier attempt left half-made is
    completed, or made anew where the two ends are not a pair in the right place. Neighbours that
    knew the addresses are told where they are now.

    Like: ``ip link add NAME master BRIDGE type veth peer IFACE netns NS``, then in the sandbox
    ``ip link set IFACE up; ip addr add ...; ip route add default via ...``.
    """
    with Netlink() as host, _place(veth.sandbox) as place:
        master = host.index(veth.bridge)
        if not master:
            raise KernelError(
                f"cannot connect {veth.name}: there is no {veth.bridge} on this host any more; make"
                " the network again (allow_existing), or restart mynetd, to have it made anew",
                resource=f"interface {veth.bridge}",
                metadata={"errno": "ENODEV", "object": f"interface {veth.bridge}"},
            )
        if veth.bridge_mac not in ("", host.mac(veth.bridge)):
            raise taken(veth.bridge)
        comes_up = _make(host, veth, master, place) or _take_over(host, veth, master, place)
        if veth.sandbox is not None and comes_up:
            announcer.announce(veth)
            host.ask(*gratuitous_arp.corrections(veth, master))
        index = host.index(veth.name)
        host.ask(*shaping.shape(host, veth, index), *_outer(veth, index))
        if veth.sandbox is not None:
            with place.entered():
                sysctl.set_interface(veth.interface, veth.settings)
            _finish_inner(place.nl, veth)


def _make(host: Netlink, veth: Veth, master: int, place: _Place) -> bool:
    """Make the pair; False if one of its names is there already."""
    request = Request(
        link_requests.new_veth(veth, master, place.fd),
        f"make the pair {veth.name} and {veth.interface} in {veth.bridge}",
        f"interface {veth.name}",
        STANDS,
    )
    return host.ask(request) == (0,)


def _take_over(host: Netlink, veth: Veth, master: int, place: _Place) -> bool:
    """Make what stands under our name the endpoint's, or raise :exc:`InterfaceExists`.

    False if its outer end is up already.
    """
    outer = find_link(host, veth.name)
    if outer is None:
        raise taken(veth.interface, place.words)
    if not is_ours(outer, veth):
        raise taken(veth.name)
    if _is_pair(veth, outer, place):
        host.ask(*_reshape(veth, outer.index, master))
        if veth.sandbox is not None:
            place.nl.ask(shape(veth.interface, outer.peer, veth.mac, veth.mtu))
        return not outer.up
    delete = pyroute2_requests.delete_link(outer.index)
    host.ask(Request(delete, f"delete {veth.name}", f"interface {veth.name}", GONE))
    if not _make(host, veth, master, place):
        raise taken(veth.interface, place.words)
    return True


def _is_pair(veth: Veth, outer: Link, place: _Place) -> bool:
    """Say whether the outer end's peer is the inner end, in the right place under its name.

    Without a sandbox the caller may have moved and renamed it: that is what the mode is for.
    """
    if veth.sandbox is None:
        return True
    inner = find_link(place.nl, veth.interface)
    return inner is not None and (inner.index, inner.peer) == (outer.peer, outer.index)


def _reshape(veth: Veth, index: int, master: int) -> tuple[Request, ...]:
    """Set again on the outer end what it was made with."""
    enslave = link_requests.set_master(index, master)
    return (
        shape(veth.name, index, veth.outer_mac, veth.mtu),
        Request(enslave, f"put {veth.name} into {veth.bridge}", f"interface {veth.name}"),
        _port(veth, index),
    )


def _port(veth: Veth, index: int) -> Request:
    """Set how the bridge treats the outer end."""
    message = link_requests.set_bridge_port(index, isolated=veth.isolated, hairpin=veth.hairpin)
    doing = f"set isolation and hairpin of {veth.name}"
    return Request(message, doing, f"interface {veth.name}", GONE)


def _outer(veth: Veth, index: int) -> tuple[Request, ...]:
    """Finish the outer end. The kernel takes no alias while it makes a link, so it comes here.

    So does isolation, before the end is up and any frame can pass.
    """
    mark, resource = link_requests.set_alias(index, veth.mark), f"interface {veth.name}"
    requests = [Request(mark, f"mark {veth.name}", resource)]
    if veth.isolated or veth.hairpin:
        requests.append(_port(veth, index))
    return (*requests, *bring_up(veth.name, index))


def _finish_inner(nl: Netlink, veth: Veth) -> None:
    """Finish the inner end: up, addresses, default routes."""
    index = nl.index(veth.interface)
    answers = nl.ask(*_inner(veth, index), *_routes(veth, index))
    if errno.EEXIST in answers:
        _require_routes(nl, veth, index)


def _inner(veth: Veth, index: int) -> tuple[Request, ...]:
    name, resource = veth.interface, f"interface {veth.interface}"
    return (
        Request(link_requests.set_up(_LOOPBACK), "set lo up", "interface lo"),
        *bring_up(name, index),
        *(
            Request(
                address_requests.add_address(index, address),
                f"add address {address} to {name}",
                resource,
            )
            for address in with_link_local(veth.addresses, veth.mac)
        ),
    )


def _routes(veth: Veth, index: int) -> Iterator[Request]:
    for gateway in veth.gateways:
        yield Request(
            address_requests.add_default_route(index, gateway, veth.metric),
            f"add a default route via {gateway} to {veth.interface}",
            f"interface {veth.interface}",
            STANDS,
        )


def _require_routes(nl: Netlink, veth: Veth, index: int) -> None:
    """See that a default route that stood there already is the endpoint's own."""
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


def adjust(endpoints: Iterable[Veth]) -> None:
    """Set how their bridge treats the outer ends that are there, ours and in it.

    Like: ``ip link set dev NAME type bridge_slave isolated on hairpin on``.
    """
    with Netlink() as nl:
        found = [(veth, link) for veth in endpoints if (link := find_ours(nl, veth))]
        requests = [
            _port(veth, link.index)
            for veth, link in found
            if link.master and link.master == nl.index(veth.bridge)
        ]
        if requests:
            nl.ask(*requests)


def find_ours(nl: Netlink, veth: Veth) -> Link | None:
    """Find the outer end, whole or half-made; None where the name is nobody's or another's."""
    link = find_link(nl, veth.name)
    return link if link is not None and is_ours(link, veth) else None


def links_of(nl: Netlink, veth: Veth) -> Iterator[Link]:
    """List the links of the host that are the endpoint's, whole or half-made."""
    if outer := find_ours(nl, veth):
        yield outer
    if veth.shaper and (shaper := shaping.find_shaper(nl, veth.shaper)):
        yield shaper


def inspect(veth: Veth) -> Snapshot:
    """Look at what there is of the endpoint. Changes nothing. Like: ``ip addr; ip route``."""
    with Netlink() as host:
        outer = find_link(host, veth.name)
        master = host.name(outer.master) if outer and outer.master else ""
        outside = Snapshot(outer, master, master_mac=host.mac(master) if master else "")
        outside = shaping.inspect(host, veth, outside)
    try:
        with netns.entered(veth.sandbox) if veth.sandbox else nullcontext(), Netlink() as nl:
            return _inspect_inner(nl, veth, outside)
    except SandboxNotFound:
        return replace(outside, sandbox_there=False)


def _inspect_inner(nl: Netlink, veth: Veth, outside: Snapshot) -> Snapshot:
    """Add what there is where the thread is now."""
    inner = find_link(nl, veth.interface)
    if inner is None:
        return outside
    routes = (*default_routes(nl, 4), *default_routes(nl, 6))
    return replace(
        outside,
        inner=inner,
        addresses=addresses_of(nl, inner.index),
        routes=frozenset(route for route in routes if route.device == inner.index),
        settings=sysctl.read_interface(veth.interface, veth.settings),
    )
