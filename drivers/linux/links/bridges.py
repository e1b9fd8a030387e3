"""Links of a namespace: what there is, and bridges."""

import errno
import socket

from mynet.drivers.api import IPInterface
from mynet.drivers.linux.kernel_errors import refusals
from mynet.drivers.linux.links.alias import is_ours, read_mark, taken
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.netlink import (
    address_requests,
    link_requests,
    pyroute2_requests,
    route_replies,
)
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Bridge
from mynet.drivers.linux.values.observed import BridgeSnapshot, Link, Survey

GONE = frozenset({errno.ENODEV})
STANDS = frozenset({errno.EEXIST})
# A kernel without IPv6 generates no addresses, and does not know how to be told so.
NO_IPV6 = frozenset({errno.EAFNOSUPPORT})


def names() -> frozenset[str]:
    """List the names of all links here. Like: ``ip -br link``."""
    with refusals("list interfaces", "interfaces"):
        return frozenset(name for _, name in socket.if_nameindex())


def is_there(name: str) -> bool:
    """Say whether a link here has that name, be it its second one. Like: ``ip link show NAME``."""
    with Netlink() as nl:
        return nl.index(name) != 0


def find_link(nl: Netlink, name: str) -> Link | None:
    """Look at a link. Like: ``ip -d link show dev NAME``."""
    answer = nl.get(
        Request(link_requests.get_link(name=name), f"look up {name}", f"interface {name}", GONE)
    )
    return route_replies.read_link(answer) if answer else None


def link_at(nl: Netlink, index: int) -> Link | None:
    """Look at the link of that index."""
    answer = nl.get(
        Request(link_requests.get_link(index=index), "look up a link", "interface", GONE)
    )
    return route_replies.read_link(answer) if answer else None


def bring_up(name: str, index: int) -> tuple[Request, ...]:
    """Up, without an address that the kernel made. Like: ``ip link set dev NAME up``."""
    resource = f"interface {name}"
    return (
        Request(
            link_requests.generate_no_address(index),
            f"keep {name} from generating addresses",
            resource,
            NO_IPV6,
        ),
        Request(link_requests.set_up(index), f"set {name} up", resource),
    )


def shape(name: str, index: int, mac: str, mtu: int) -> Request:
    """Set what is seen on the wire. Like: ``ip link set dev NAME address MAC mtu N``."""
    return Request(
        link_requests.set_mac_and_mtu(index, mac, mtu),
        f"set {name} to MAC address {mac} and MTU {mtu}",
        f"interface {name}",
    )


def ensure_bridge(bridge: Bridge) -> None:
    """Make the bridge, or bring it to what it should be. Like: ``ip link add NAME type bridge``.

    Its IPv6 addresses are usable at once: nothing waits for duplicate address detection. Addresses
    that somebody added stay. Raises :exc:`InterfaceExists` where the name is another's.
    """
    with Netlink() as nl:
        created = nl.ask(_new_bridge(bridge)) == (0,)
        index = nl.index(bridge.name) if created else _ours(nl, bridge)
        nl.ask(*_shape(bridge, index))


def _new_bridge(bridge: Bridge) -> Request:
    return Request(
        pyroute2_requests.new_bridge(bridge),
        f"make the bridge {bridge.name}",
        f"interface {bridge.name}",
        STANDS,
    )


def _ours(nl: Netlink, bridge: Bridge) -> int:
    """Tell the index of the bridge that stands there already, if it is ours."""
    link = find_link(nl, bridge.name)
    if link is None or not is_ours(link, bridge):
        raise taken(bridge.name)
    return link.index


def _shape(bridge: Bridge, index: int) -> tuple[Request, ...]:
    """Mark, MAC address, MTU, up, addresses: everything but the making of it.

    The MTU is not given with the making: then the kernel would take it for its own choice, and
    change it with every port that comes and goes.
    """
    name, resource = bridge.name, f"interface {bridge.name}"
    return (
        Request(link_requests.set_alias(index, bridge.mark), f"mark {name}", resource),
        shape(name, index, bridge.mac, bridge.mtu),
        *bring_up(name, index),
        *(
            Request(
                address_requests.add_address(index, address),
                f"add address {address} to {name}",
                resource,
            )
            for address in with_link_local(bridge.addresses, bridge.mac)
        ),
    )


def is_taken(bridge: Bridge) -> bool:
    """Say whether a link that is not ours stands under the bridge's name."""
    with Netlink() as nl:
        link = find_link(nl, bridge.name)
    return link is not None and not is_ours(link, bridge)


def delete_bridge(bridge: Bridge) -> None:
    """Take the bridge away, where it is there and ours. Like: ``ip link delete dev NAME``."""
    with Netlink() as nl:
        link = find_link(nl, bridge.name)
        if link is not None and is_ours(link, bridge):
            nl.ask(
                Request(
                    pyroute2_requests.delete_link(link.index),
                    f"delete the bridge {bridge.name}",
                    f"interface {bridge.name}",
                    GONE,
                )
            )


def marked() -> list[Link]:
    """List the links here whose alias is a mark of mynet. Like: ``ip -d link``."""
    with Netlink() as nl:
        request = Request(link_requests.get_link(), "list interfaces", "interfaces")
        links = [route_replies.read_link(data) for data in nl.dump(request)]
    return [link for link in links if read_mark(link.mark) != ("", "")]


def survey() -> Survey:
    """Look at all links at once. Like: ``ip -d addr``."""
    with Netlink() as nl:
        found = nl.dump(Request(link_requests.get_link(), "list interfaces", "interfaces"))
        listed = nl.dump(Request(pyroute2_requests.get_addresses(), "list addresses", "addresses"))
    addresses: dict[int, set[IPInterface]] = {}
    for index, address in map(route_replies.read_address, listed):
        addresses.setdefault(index, set()).add(address)
    return Survey(
        {link.name: link for link in map(route_replies.read_link, found)},
        {index: frozenset(each) for index, each in addresses.items()},
    )


def inspect_bridge(bridge: Bridge) -> BridgeSnapshot:
    """Look at what there is of the bridge. Like: ``ip -d addr show dev NAME``."""
    with Netlink() as nl:
        link = find_link(nl, bridge.name)
        return BridgeSnapshot(link, addresses_of(nl, link.index) if link else frozenset())


def addresses_of(nl: Netlink, index: int) -> frozenset[IPInterface]:
    """List a link's addresses. Like: ``ip addr show``."""
    request = Request(pyroute2_requests.get_addresses(index), "list addresses", "addresses")
    return frozenset(route_replies.read_address(data)[1] for data in nl.dump(request))


def remove(link: Link) -> None:
    """Take a link away with its other end, if its name and its mark are what they were."""
    with Netlink() as nl:
        found = find_link(nl, link.name)
        if found is not None and (found.index, found.mark) == (link.index, link.mark):
            resource = f"interface {link.name}"
            nl.ask(
                Request(
                    pyroute2_requests.delete_link(link.index), f"delete {link.name}", resource, GONE
                )
            )
