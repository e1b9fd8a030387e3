"""The endpoints of the kernel in memory: pairs that go together, and their limits."""

import errno
from collections.abc import Callable
from dataclasses import replace

from mynet.drivers.errors import KernelError
from mynet.drivers.linux.fake.link_table import Entry, LinkTable
from mynet.drivers.linux.kernel_errors import refused
from mynet.drivers.linux.links.alias import is_ours, taken
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.values.address_routes import address_routes
from mynet.drivers.linux.values.bridge_port import PORT_GROUP
from mynet.drivers.linux.values.desired import BRIDGE_PORTS, DEFAULT_MTU, Veth, priority
from mynet.drivers.linux.values.observed import Link, Route, Snapshot


def attach(links: LinkTable, veth: Veth, cookie: int, reach: Callable[[str], None]) -> None:
    """Create the endpoint, or change it to what it should be; ``reach`` is called at each point."""
    bridge = links.find(veth.bridge)
    if bridge is None:
        raise KernelError(f"there is no {veth.bridge}", metadata={"errno": "ENODEV"})
    if bridge.link.kind != "bridge":
        raise KernelError(f"{veth.bridge} is not a bridge", metadata={"errno": "ENOTSUP"})
    if veth.bridge_mac not in ("", bridge.link.mac):
        raise taken(veth.bridge)
    outer = _outer(links, veth, bridge.link.index, cookie)
    reach("attach.mark")
    _finish_outer(outer, veth, bridge.link.index)
    for address in veth.addresses:
        bridge.neighbours.pop(address.ip, None)
    if veth.shaper:
        new = Link(0, veth.shaper.name, "ifb", veth.shaper.mac, DEFAULT_MTU)
        shaper = links.ensure(new, veth.shaper)
        reach("attach.shaper")
        shaper.link = replace(shaper.link, mark=veth.shaper.mark, up=True)
        shaper.rate, outer.redirected_through = veth.shaper.rate, shaper.link.index
    reach("attach.inner")
    inner = links.at(outer.link.peer)
    if inner is not None and veth.sandbox is not None:
        _finish_inner(links, inner, veth)


def _outer(links: LinkTable, veth: Veth, master: int, cookie: int) -> Entry:
    """Return the outer end, whose peer is in its place; created if need be."""
    outer = links.find(veth.name)
    if outer is not None and not is_ours(outer.link, veth):
        raise taken(veth.name)
    inner = links.find(veth.interface, cookie)
    if outer is not None:
        paired = inner is not None and inner.link.peer == outer.link.index
        if paired or veth.sandbox is None:
            return outer
        links.delete(outer.link)
    if inner is not None:
        raise taken(veth.interface, "in the sandbox" if veth.sandbox else "on this host")
    return _pair(links, veth, master, cookie)


def _pair(links: LinkTable, veth: Veth, master: int, cookie: int) -> Entry:
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
        outer.link,
        mark=veth.mark,
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
        entry = links.find(wanted.name) if wanted else None
        if wanted is not None and entry is not None and is_ours(entry.link, wanted):
            links.delete(entry.link)


def adjust(links: LinkTable, veth: Veth) -> None:
    """Set how the bridge treats an endpoint that is in it."""
    entry = links.find(veth.name)
    master = links.at(entry.link.master) if entry else None
    in_place = master is not None and master.link.name == veth.bridge
    if entry is not None and in_place and is_ours(entry.link, veth):
        entry.link = replace(entry.link, port=veth.port)
        entry.static_macs = {veth.mac} if veth.guarded else set()


def inspect_outer(links: LinkTable, veth: Veth) -> Snapshot:
    """Return what exists of the endpoint on the host."""
    outer = links.find(veth.name)
    master = links.at(outer.link.master) if outer else None
    seen = Snapshot(
        outer.link if outer else None,
        master.link.name if master else "",
        master_mac=master.link.mac if master else "",
        static_macs=frozenset(outer.static_macs) if outer and master else frozenset(),
        neighbours=dict(master.neighbours) if master else {},
    )
    if outer is None or not (veth.ingress or veth.shaper):
        return seen
    shaper = links.at(outer.redirected_through)
    return replace(seen, ingress=outer.rate, egress=shaper.rate if shaper else None)


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
