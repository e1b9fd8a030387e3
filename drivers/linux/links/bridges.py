"""Bridges of the host, and what every link of the daemon gets."""

import errno
from dataclasses import replace
from typing import Final

from mynet.drivers.api import IPInterface
from mynet.drivers.linux import sysctl
from mynet.drivers.linux.links.address_routes import (
    add_subnet_routes,
    restore_routes,
    settled_routes,
)
from mynet.drivers.linux.links.alias import renamed, taken
from mynet.drivers.linux.links.configuration import add_addresses, set_mac_and_mtu, set_up
from mynet.drivers.linux.links.lookup import EXISTS, addresses_of, delete_link, find_link
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.links.own_links import find_own, list_own, mark, restore_name
from mynet.drivers.linux.links.settings import apply_settings, route_localnet
from mynet.drivers.linux.netlink.links import fdb_requests, link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import BRIDGE_GROUP, Bridge
from mynet.drivers.linux.values.observed import BridgeSnapshot, Link

_NO_ENTRY: Final = frozenset({errno.ENOENT, errno.ENODEV})


class Bridges:
    """The part of :class:`~mynet.drivers.linux.interface.links.Links` about bridges."""

    def ensure_bridge(self, bridge: Bridge) -> None:
        """Like: ip link add NAME group N type bridge.

        A bridge that another program has renamed gets its name back, and no packet is lost.
        The bridge's IPv6 addresses are usable at once, as there is no duplicate address detection.
        Addresses that other programs added stay. What other programs changed so that packets do not
        pass is changed back: settings, routes, and the bridge's own MAC address.
        """
        with Netlink() as nl:
            found = find_own(nl, bridge.identity)
            link = found or _create(nl, bridge)
            name = restore_name(nl, link, bridge.name)
            apply_settings(nl, replace(bridge, name=name), link)
            nl.ask(*_finish(bridge, link))
            if found is not None:
                restore_routes(nl, name, link.index, _all_addresses(bridge), bridge.without_address)
        if name != bridge.name:
            raise renamed(name, bridge.name)

    def is_taken(self, bridge: Bridge) -> bool:
        """Like: ip -d link show NAME."""
        with Netlink() as nl:
            link = find_link(nl, bridge.name)
        return link is not None and not link.is_of(bridge.identity)

    def delete_bridge(self, bridge: Bridge) -> None:
        """Like: ip link delete dev NAME."""
        with Netlink() as nl:
            for link in list_own(nl, bridge.identity):
                delete_link(nl, link)

    def inspect_bridge(self, bridge: Bridge) -> BridgeSnapshot:
        """Like: ip -d addr show dev NAME."""
        with Netlink() as nl:
            link = find_own(nl, bridge.identity)
            if link is None:
                return BridgeSnapshot(find_link(nl, bridge.name))
            addresses = addresses_of(nl, link.index)
            own = [address for address in _all_addresses(bridge) if address in addresses]
            return BridgeSnapshot(
                link,
                addresses,
                settled_routes(nl, link.index, own, bridge.without_address),
                receives=_receives(nl, link),
            )

    def open_loopback(self, bridge: str) -> None:
        """Like: sysctl -w net.ipv4.conf.BRIDGE.route_localnet=1."""
        setting = route_localnet(bridge)
        if sysctl.read(setting) == "0":
            sysctl.write(setting, "1")

    def is_loopback_open(self, bridge: str) -> bool:
        """Like: sysctl net.ipv4.conf.BRIDGE.route_localnet."""
        return sysctl.is_on(route_localnet(bridge))


def _create(nl: Netlink, bridge: Bridge) -> Link:
    """Create the bridge. Raises :exc:`InterfaceExists` if another link has its name."""
    request = Request(
        link_requests.new_bridge(bridge),
        f"make the bridge {bridge.name}",
        f"interface {bridge.name}",
        EXISTS,
    )
    created = nl.ask(request) == (0,)
    link = find_link(nl, bridge.name) if created else None
    if link is None:
        raise taken(bridge.name)
    return link


def _finish(bridge: Bridge, link: Link) -> tuple[Request, ...]:
    """Set marks, group, MAC address and MTU, set it up, and add the addresses.

    The message that creates the bridge has no MTU, for otherwise the kernel would change the MTU
    with every port that comes and goes.
    """
    name, index, resource = bridge.name, link.index, f"interface {bridge.name}"
    group = link_requests.set_group(index, BRIDGE_GROUP)
    return (
        *mark(index, bridge.identity, link),
        Request(group, f"set the group of {name}", resource),
        *set_mac_and_mtu(link, bridge.mac, bridge.mtu),
        Request(
            fdb_requests.add_local(index, bridge.mac),
            f"pass frames to {bridge.mac} up to the host",
            resource,
        ),
        *set_up(name, index),
        *add_addresses(name, index, bridge.addresses, bridge.mac),
        *add_subnet_routes(name, index, bridge.without_address),
    )


def _all_addresses(bridge: Bridge) -> tuple[IPInterface, ...]:
    return with_link_local(bridge.addresses, bridge.mac)


def _receives(nl: Netlink, link: Link) -> bool:
    """Return whether the bridge passes frames to its own MAC address up to the host.

    Like: ``bridge fdb get MAC dev NAME self``.
    """
    doing, resource = f"look up {link.mac} in {link.name}", f"interface {link.name}"
    message = fdb_requests.get_local(link.index, link.mac)
    reply = nl.get(Request(message, doing, resource, _NO_ENTRY))
    return reply is not None and fdb_requests.read_local(reply) is not None
