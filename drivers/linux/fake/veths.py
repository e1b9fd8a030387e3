"""The endpoints of the kernel in memory: pairs that go together, and what limits them."""

import errno
from collections.abc import Callable
from dataclasses import replace

from mynet.drivers.errors import KernelError
from mynet.drivers.linux.fake.links import Held, Links
from mynet.drivers.linux.kernel_errors import refused
from mynet.drivers.linux.links.alias import is_ours, taken
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.values.desired import BRIDGE_PORTS, Shaper, Veth, priority
from mynet.drivers.linux.values.observed import Link, Route, Snapshot


def attach(links: Links, veth: Veth, cookie: int, go_past: Callable[[str], None]) -> None:
    """Make the endpoint, or bring it to what it should be; ``go_past`` is where it may fail."""
    bridge = links.find(veth.bridge)
    if bridge is None:
        raise KernelError(f"there is no {veth.bridge}", metadata={"errno": "ENODEV"})
    if bridge.link.kind != "bridge":
        raise KernelError(f"{veth.bridge} is no bridge", metadata={"errno": "ENOTSUP"})
    if veth.bridge_mac not in ("", bridge.link.mac):
        raise taken(veth.bridge)
    outer = _outer(links, veth, bridge.link.index, cookie)
    go_past("attach.mark")
    _finish_outer(outer, veth, bridge.link.index)
    if veth.shaper:
        shaper = _shaper(links, veth.shaper)
        go_past("attach.shaper")
        shaper.link = replace(shaper.link, mark=veth.shaper.mark, up=True)
        shaper.rate, outer.leads_through = veth.shaper.rate, shaper.link.index
    go_past("attach.inner")
    inner = links.at(outer.link.peer)
    if inner is not None and veth.sandbox is not None:
        _finish_inner(links, inner, veth)


def _outer(links: Links, veth: Veth, master: int, cookie: int) -> Held:
    """Find the outer end whose peer is in the right place, or begin a pair."""
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


def _pair(links: Links, veth: Veth, master: int, cookie: int) -> Held:
    if len(links.ports(master)) >= BRIDGE_PORTS:
        doing = f"make the pair {veth.name} and {veth.interface} in {veth.bridge}"
        raise refused(errno.EXFULL, doing, f"interface {veth.name}")
    outer = links.add(Link(0, veth.name, "veth", veth.outer_mac, veth.mtu, master=master))
    peer = Link(0, veth.interface, "veth", veth.mac, veth.mtu, peer=outer.link.index)
    outer.link = replace(outer.link, peer=links.add(peer, cookie).link.index)
    return outer


def _finish_outer(outer: Held, veth: Veth, master: int) -> None:
    """Mark the outer end, put it into the bridge and set it up."""
    outer.link = replace(
        outer.link,
        mark=veth.mark,
        mac=veth.outer_mac,
        mtu=veth.mtu,
        master=master,
        up=True,
        isolated=veth.isolated,
        hairpin=veth.hairpin,
    )
    outer.rate = veth.ingress or outer.rate


def _shaper(links: Links, shaper: Shaper) -> Held:
    """Find the shaper, or begin one."""
    held = links.find(shaper.name) or links.add(Link(0, shaper.name, "ifb", shaper.mac, 1500))
    if not is_ours(held.link, shaper):
        raise taken(shaper.name)
    return held


def _finish_inner(links: Links, inner: Held, veth: Veth) -> None:
    """Set the inner end up, with addresses and default routes."""
    inner.link = replace(inner.link, mac=veth.mac, mtu=veth.mtu, up=True)
    inner.settings |= veth.settings
    inner.addresses |= set(with_link_local(veth.addresses, veth.mac))
    for gateway in veth.gateways:
        route = Route(gateway, inner.link.index, priority(gateway, veth.metric))
        standing = (other for held in links.inside(inner.cookie) for other in held.routes)
        if any(_clash(route, other) for other in standing):
            raise KernelError(
                f"the sandbox has another default route with metric {route.metric}",
                metadata={"errno": "EEXIST"},
            )
        inner.routes.add(route)


def _clash(one: Route, other: Route) -> bool:
    """Say whether two routes cannot both be: different, but of one family and one metric."""
    alike = type(one.gateway) is type(other.gateway) and one.metric == other.metric
    return alike and one != other


def detach(links: Links, veth: Veth) -> None:
    """Take the endpoint away, as far as it is there and ours."""
    for wanted in (veth, veth.shaper):
        held = links.find(wanted.name) if wanted else None
        if wanted is not None and held is not None and is_ours(held.link, wanted):
            links.delete(held.link)


def adjust(links: Links, veth: Veth) -> None:
    """Set isolation and hairpin, where it is there, ours and in its bridge."""
    held = links.find(veth.name)
    master = links.at(held.link.master) if held else None
    in_place = master is not None and master.link.name == veth.bridge
    if held is not None and in_place and is_ours(held.link, veth):
        held.link = replace(held.link, isolated=veth.isolated, hairpin=veth.hairpin)


def inspect_outer(links: Links, veth: Veth) -> Snapshot:
    """Look at what there is of the endpoint on the host."""
    outer = links.find(veth.name)
    master = links.at(outer.link.master) if outer else None
    seen = Snapshot(
        outer.link if outer else None,
        master.link.name if master else "",
        master_mac=master.link.mac if master else "",
    )
    if outer is None or not (veth.ingress or veth.shaper):
        return seen
    shaper = links.at(outer.leads_through)
    return replace(seen, ingress=outer.rate, egress=shaper.rate if shaper else None)


def inspect_inner(links: Links, veth: Veth, cookie: int, outside: Snapshot) -> Snapshot:
    """Add what there is of it in the namespace."""
    inner = links.find(veth.interface, cookie)
    if inner is None:
        return outside
    return replace(
        outside,
        inner=inner.link,
        addresses=frozenset(inner.addresses),
        routes=frozenset(inner.routes),
        settings={key: inner.settings.get(key, "") for key in veth.settings},
    )
