"""The endpoints of the kernel in memory: pairs that go together, and their limits."""

import errno
from collections.abc import Callable
from dataclasses import replace

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.fake.link_table import Entry, LinkTable, with_marks
from mynet.drivers.linux.kernel_errors import refused
from mynet.drivers.linux.links.alias import taken
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.values.address_routes import address_routes
from mynet.drivers.linux.values.bridge_port import PORT_GROUP
from mynet.drivers.linux.values.desired import BRIDGE_PORTS, DEFAULT_MTU, Veth, priority
from mynet.drivers.linux.values.endpoint_rules import Attachment
from mynet.drivers.linux.values.observed import Link, Route, Snapshot


def attach(
    links: LinkTable,
    veth: Veth,
    enter: Callable[[Sandbox | None], int],
    admit: Callable[[Attachment], object],
    reach: Callable[[str], None],
) -> None:
    """Create the endpoint, or change it to what it should be; ``reach`` is called at each point."""
    bridge = _require_bridge(links, veth)
    outer, inner = links.find_own(veth.identity), None
    if outer is None or veth.manages_inner:
        cookie = enter(veth.sandbox)
        outer = outer or _pair(links, veth, bridge.link.index, cookie)
        inner = links.at(outer.link.peer)
        if veth.sandbox is not None and (inner is None or inner.cookie != cookie):
            raise KernelError(
                f"the other end of {veth.name} is not in the sandbox", metadata={"errno": "EXDEV"}
            )
    reach("attach.mark")
    _finish_outer(outer, veth, bridge.link.index)
    for address in veth.addresses:
        bridge.neighbours.pop(address.ip, None)
    if veth.shaper:
        new = Link(0, veth.shaper.name, "ifb", veth.shaper.mac, DEFAULT_MTU)
        shaper = links.ensure(new, veth.shaper)
        reach("attach.shaper")
        shaper.link = replace(with_marks(shaper.link, veth.shaper.identity), up=True)
        links.restore_name(shaper, veth.shaper.name)
        shaper.rate, outer.redirected_through = veth.shaper.rate, shaper.link.index
    links.require_name(outer, veth.name)
    admit(Attachment(outer.link.index, outer.link.master))
    reach("attach.inner")
    if inner is not None and veth.sandbox is not None:
        _finish_inner(links, inner, veth)
        links.require_name(inner, veth.interface, "in the sandbox")


def _require_bridge(links: LinkTable, veth: Veth) -> Entry:
    """Return the endpoint's bridge, which gets its name back if it was renamed."""
    bridge = links.find_own(veth.bridge_identity)
    if bridge is None and links.find(veth.bridge):
        raise taken(veth.bridge)
    if bridge is None:
        raise KernelError(f"there is no {veth.bridge}", metadata={"errno": "ENODEV"})
    links.require_name(bridge, veth.bridge)
    return bridge


def find_inner(links: LinkTable, veth: Veth, cookie: int) -> Entry | None:
    """Return the other end of the endpoint's pair, if it is in the namespace with a cookie."""
    outer = links.find_own(veth.identity)
    inner = links.at(outer.link.peer) if outer else None
    return inner if inner is not None and inner.cookie == cookie else None


def _pair(links: LinkTable, veth: Veth, master: int, cookie: int) -> Entry:
    """Create the pair. Raises ``InterfaceExists``."""
    if links.find(veth.name):
        raise taken(veth.name)
    if links.find(veth.interface, cookie):
        raise taken(veth.interface, "in the sandbox" if veth.sandbox else "on this host")
    if len(links.ports(master)) >= BRIDGE_PORTS:
        doing = f"make the pair {veth.name} and {veth.interface} in {veth.bridge}"
        raise refused(errno.EXFULL, doing, f"interface {veth.name}")
    identity = Link(0, veth.name, "veth", veth.outer_mac, veth.mtu, master=master)
    outer = links.add(replace(identity, group=PORT_GROUP))
    peer = Link(0, veth.interface, "veth", veth.mac, veth.mtu, peer=outer.link.index)
    outer.link = replace(outer.link, peer=links.add(peer, cookie).link.index)
    return outer


def _finish_outer(outer: Entry, veth: Veth, master: int) -> None:
    """Change the outer end to what it should be."""
    outer.link = replace(
        with_marks(outer.link, veth.identity),
        mac=veth.outer_mac,
        mtu=veth.mtu,
        master=master,
        up=True,
        arp=True,
        multicast=True,
        group=PORT_GROUP,
        port=veth.port,
    )
    outer.static_macs = {veth.mac} if veth.guarded else set()
    outer.rate = veth.ingress or outer.rate


def _finish_inner(links: LinkTable, inner: Entry, veth: Veth) -> None:
    """Set the inner end up, with addresses and default routes."""
    inner.link = replace(inner.link, mac=veth.mac, mtu=veth.mtu, up=True, arp=True, multicast=True)
    inner.settings |= veth.settings
    addresses = with_link_local(veth.addresses, veth.mac)
    inner.addresses |= set(addresses)
    inner.address_routes |= set(address_routes(addresses))
    for gateway in veth.gateways:
        route = Route(gateway, inner.link.index, priority(gateway, veth.metric))
        standing = (other for entry in links.inside(inner.cookie) for other in entry.routes)
        if any(_clash(route, other) for other in standing):
            raise KernelError(
                f"the sandbox has another default route with metric {route.metric}",
                metadata={"errno": "EEXIST"},
            )
        inner.routes.add(route)


def _clash(route: Route, other: Route) -> bool:
    """Return whether two different routes have the same IP version and metric."""
    is_alike = type(route.gateway) is type(other.gateway) and route.metric == other.metric
    return is_alike and route != other


def detach(links: LinkTable, veth: Veth) -> None:
    """Delete the links of the endpoint that exist and are the daemon's own."""
    for wanted in (veth, veth.shaper):
        while wanted and (entry := links.find_own(wanted.identity)):
            links.delete(entry.link)


def adjust(links: LinkTable, veth: Veth) -> None:
    """Set how the bridge treats an endpoint that is in it."""
    entry = links.find_own(veth.identity)
    if entry is not None and _is_in_bridge(links, veth, entry):
        entry.link = replace(entry.link, port=veth.port)
        entry.static_macs = {veth.mac} if veth.guarded else set()


def _is_in_bridge(links: LinkTable, veth: Veth, outer: Entry) -> bool:
    bridge = links.find_own(veth.bridge_identity)
    return bridge is not None and outer.link.master == bridge.link.index


def inspect_outer(links: LinkTable, veth: Veth) -> Snapshot:
    """Return what exists of the endpoint on the host."""
    outer = links.find_own(veth.identity)
    if outer is None:
        foreign = links.find(veth.name)
        return Snapshot(foreign.link if foreign else None)
    master = links.at(outer.link.master)
    seen = Snapshot(
        outer.link,
        master.link.name if master else "",
        in_bridge=_is_in_bridge(links, veth, outer),
        static_macs=frozenset(outer.static_macs) if master else frozenset(),
        neighbours=dict(master.neighbours) if master else {},
    )
    if not (veth.ingress or veth.shaper):
        return seen
    shaper = links.at(outer.redirected_through)
    return replace(
        seen,
        shaper=shaper.link if shaper else None,
        ingress=outer.rate,
        egress=shaper.rate if shaper else None,
    )


def inspect_inner(inner: Entry, veth: Veth, seen: Snapshot) -> Snapshot:
    """Return a snapshot with the inner end."""
    return replace(
        seen,
        inner=inner.link,
        addresses=frozenset(inner.addresses),
        address_routes=frozenset(inner.address_routes),
        routes=frozenset(inner.routes),
        settings={key: inner.settings.get(key, "") for key in veth.settings},
    )
