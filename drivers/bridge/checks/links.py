"""Differences between the kernel and an endpoint or a network, a sentence each."""

from collections.abc import Iterable, Iterator, Mapping

from mynet.drivers.api import IPAddress, IPInterface
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.values.address_routes import AddressRoute, address_routes
from mynet.drivers.linux.values.bridge_port import PORT_GROUP
from mynet.drivers.linux.values.bridge_settings import settings_of
from mynet.drivers.linux.values.desired import BRIDGE_GROUP, Bridge, Identity, Rate, Veth, priority
from mynet.drivers.linux.values.observed import BridgeSnapshot, Link, Snapshot


def differences(veth: Veth, seen: Snapshot) -> list[str]:
    """Return the differences of an endpoint: of its outer end, and of its inner end."""
    return [*outer_differences(veth, seen), *_inner(veth, seen)]


def bridge_differences(bridge: Bridge, seen: BridgeSnapshot) -> Iterator[str]:
    """Yield the differences of a network's bridge."""
    link = seen.link
    if link is None:
        yield f"The bridge {bridge.name} is not there."
        return
    if not link.is_of(bridge.identity):
        yield f"The interface {bridge.name} is not the network's bridge."
        return
    yield from _identity(link, bridge.identity)
    if link.group != BRIDGE_GROUP:
        yield f"{bridge.name} is in link group {link.group} instead of {BRIDGE_GROUP}."
    yield from _link(link, bridge.mac, bridge.mtu)
    addresses = with_link_local(bridge.addresses, bridge.mac)
    yield from _addresses(bridge.name, addresses, seen.addresses)
    own = [address for address in addresses if address in seen.addresses]
    yield from _missing_routes(link, address_routes(own, bridge.without_address), seen.routes)
    yield from _bridge_settings(bridge, link)
    if not seen.receives:
        yield f"{bridge.name} passes no frames to {link.mac}, its own MAC address, up to the host."


def _bridge_settings(bridge: Bridge, link: Link) -> Iterator[str]:
    """Yield the settings of a bridge that keep packets from passing."""
    for setting in settings_of(bridge):
        value = link.settings.get(setting.name, setting.value)
        if value not in setting.accepted:
            name = setting.name.replace("IFNAME", bridge.name.replace(".", "/"))
            yield f"{bridge.name} {setting.consequence} ({name} is {value})."


def outer_differences(veth: Veth, seen: Snapshot) -> Iterator[str]:
    """Yield the differences of an endpoint's outer end."""
    link = seen.outer
    if link is None:
        yield f"The host's interface {veth.name} is not there."
        return
    if not link.is_of(veth.identity):
        yield f"The host's interface {veth.name} is not the endpoint's."
        return
    yield from _identity(link, veth.identity)
    if seen.in_bridge:
        yield from _port(veth, link, seen.static_macs)
        yield from _neighbours(veth, seen.neighbours)
    elif seen.master == veth.bridge:
        yield f"{veth.bridge} is another bridge than the network's."
    else:
        yield f"{veth.name} is in {seen.master or 'no bridge'} instead of {veth.bridge}."
    if link.group != PORT_GROUP:
        yield f"{veth.name} is in link group {link.group} instead of {PORT_GROUP}."
    yield from _link(link, veth.outer_mac, veth.mtu)
    yield from _limit("What goes to the sandbox", veth.ingress, seen.ingress)
    if veth.shaper and seen.shaper:
        yield from _identity(seen.shaper, veth.shaper.identity)
    slowest = veth.shaper.rate if veth.shaper else None
    yield from _limit("What comes from the sandbox", slowest, seen.egress)


def _identity(link: Link, identity: Identity) -> Iterator[str]:
    """Yield the differences in what a link is recognised by, and in its name."""
    if link.name != identity.name:
        yield f"{identity.name} is named {link.name}."
    if link.mark != identity.mark:
        yield f"{identity.name} has the alias {link.mark!r} instead of {identity.mark!r}."
    if identity.altname not in link.altnames:
        yield f"{identity.name} lacks the alternative name {identity.altname}."


def _port(veth: Veth, link: Link, static_macs: frozenset[str]) -> Iterator[str]:
    """Yield the differences in how the bridge treats the outer end."""
    desired, observed = veth.port, link.port
    if observed.isolated != desired.isolated:
        said = "is not" if desired.isolated else "is"
        yield f"{veth.name} {said} isolated from the other ports of {veth.bridge}."
    if desired.hairpin and not observed.hairpin:
        yield f"{veth.name} is not in hairpin mode."
    for flag, is_on, should in (
        ("learning", observed.learning, desired.learning),
        ("locked", observed.locked, desired.locked),
        ("flood", observed.flood, desired.flood),
        ("mcast_flood", observed.mcast_flood, desired.mcast_flood),
        ("bcast_flood", observed.bcast_flood, desired.bcast_flood),
        ("neigh_suppress", observed.neigh_suppress, desired.neigh_suppress),
    ):
        if is_on is not None and is_on != should:
            yield f"{veth.name} has {flag} {_on(is_on)} instead of {_on(should)}."
    if observed.group_fwd_mask != desired.group_fwd_mask:
        yield (
            f"{veth.name} has group_fwd_mask {observed.group_fwd_mask:#x} instead of"
            f" {desired.group_fwd_mask:#x}."
        )
    if veth.guarded and veth.mac not in static_macs:
        yield f"{veth.bridge} has no static entry for {veth.mac} at {veth.name}."


def _neighbours(veth: Veth, fixed: Mapping[IPAddress, str]) -> Iterator[str]:
    """Yield the fixed neighbour entries that lead the host's packets to another MAC address."""
    for address in veth.addresses:
        mac = fixed.get(address.ip, veth.mac)
        if mac != veth.mac:
            yield f"The host sends packets for {address.ip} to {mac} instead of {veth.mac}."


def _on(flag: bool | None) -> str:  # noqa: FBT001 - the value itself is the subject
    return "on" if flag else "off"


def _limit(traffic: str, desired: Rate | None, observed: Rate | None) -> Iterator[str]:
    """Yield the difference of a limit. A limit that the endpoint does not ask for is ignored."""
    if desired and observed is None:
        yield f"{traffic} is not limited to {desired}."
    elif desired and observed != desired:
        yield f"{traffic} is limited to {_written(observed)} instead of {_written(desired)}."


def _written(rate: Rate | None) -> str:
    return f"{rate} (burst {rate.burst} bytes)" if rate else ""


def _inner(veth: Veth, seen: Snapshot) -> Iterator[str]:
    """Yield the differences of the inner end.

    It is not compared if it is not the daemon's, or if its caller may have moved it.
    """
    if veth.sandbox is None or not veth.manages_inner:
        return
    if not seen.sandbox_there:
        yield (
            f"The sandbox is out of reach: it lives, but {veth.sandbox.path} does not lead to it"
            " any more. Connect the container again with a path that leads to it, or disconnect it."
            if seen.sandbox_lives
            else f"The sandbox is not at {veth.sandbox.path} any more."
        )
        return
    link = seen.inner
    if link is None:
        yield f"The interface {veth.interface} is not in the sandbox."
        return
    if link.name != veth.interface:
        yield f"{veth.interface} in the sandbox is named {link.name}."
    yield from _link(link, veth.mac, veth.mtu)
    if seen.unread:
        yield f"Addresses and routes of {veth.interface} were not compared: {seen.unread}."
        return
    addresses = with_link_local(veth.addresses, veth.mac)
    yield from _addresses(veth.interface, addresses, seen.addresses)
    own = [address for address in addresses if address in seen.addresses]
    yield from _missing_routes(link, address_routes(own), seen.address_routes)
    yield from _routes(veth, seen, link)
    yield from _settings(veth, seen)


def _link(link: Link, mac: str, mtu: int) -> Iterator[str]:
    if not link.up:
        yield f"{link.name} is down."
    if not link.arp:
        yield f"{link.name} resolves no addresses (its flag NOARP is set)."
    if not link.multicast:
        yield f"{link.name} receives no multicast."
    if link.mac != mac:
        yield f"{link.name} has MAC address {link.mac} instead of {mac}."
    if link.mtu != mtu:
        yield f"{link.name} has MTU {link.mtu} instead of {mtu}."


def _addresses(
    name: str, desired: Iterable[IPInterface], observed: frozenset[IPInterface]
) -> Iterator[str]:
    """Yield the addresses that are missing. Addresses that another program added are ignored."""
    for address in desired:
        if address not in observed:
            yield f"{name} lacks the address {address}."


def _missing_routes(
    link: Link, desired: Iterable[AddressRoute], observed: frozenset[AddressRoute]
) -> Iterator[str]:
    """Yield the missing routes of a link. A link that is down has no routes."""
    if link.up:
        for route in desired:
            if route not in observed:
                yield f"{link.name} lacks {route}."


def _routes(veth: Veth, seen: Snapshot, link: Link) -> Iterator[str]:
    for gateway in veth.gateways:
        metric = priority(gateway, veth.metric)
        if not any(route.leads_over(gateway, link.index, metric) for route in seen.routes):
            yield f"{veth.interface} lacks the default route via {gateway} with metric {metric}."


def _settings(veth: Veth, seen: Snapshot) -> Iterator[str]:
    for key, value in veth.settings.items():
        current = seen.settings.get(key, "")
        if current != value:
            name = key.replace("IFNAME", veth.interface.replace(".", "/"))  # as in sysctl(8)
            yield f"{name} is {current or 'not there'} instead of {value}."
