"""The outer end of an endpoint's pair, and the bridge that it is a port of."""

from mynet.drivers.errors import KernelError
from mynet.drivers.linux.links.alias import renamed, taken
from mynet.drivers.linux.links.configuration import set_mac_and_mtu, set_up
from mynet.drivers.linux.links.lookup import fixed_among, link_at
from mynet.drivers.linux.links.own_links import find_own, find_port, mark, restore_name
from mynet.drivers.linux.links.veths.bridge_port import change_port, inspect_port, new_port
from mynet.drivers.linux.links.veths.shaping import inspect_limits
from mynet.drivers.linux.netlink.links import link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Veth
from mynet.drivers.linux.values.observed import Link, Snapshot


def inspect_outer(host: Netlink, veth: Veth, outer: Link) -> Snapshot:
    """Return a snapshot with what exists of the outer end."""
    if not outer.master:
        return inspect_limits(host, veth, Snapshot(outer))
    outside = Snapshot(
        outer,
        host.name(outer.master),
        in_bridge=outer.master == find_bridge(host, veth),
        neighbours=fixed_among(host, outer.master, (address.ip for address in veth.addresses)),
    )
    return inspect_port(host, veth, inspect_limits(host, veth, outside))


def require_bridge(host: Netlink, veth: Veth) -> int:
    """Return the index of the endpoint's bridge, which gets its name back if it was renamed.

    Raises :exc:`KernelError` if there is none, and :exc:`InterfaceExists` if its name is taken.
    """
    if index := find_bridge(host, veth):
        if index != host.index(veth.bridge):
            bridge = link_at(host, index)
            now = restore_name(host, bridge, veth.bridge) if bridge else veth.bridge
            if now != veth.bridge:
                raise renamed(now, veth.bridge)
        return index
    if host.index(veth.bridge):
        raise taken(veth.bridge)
    raise KernelError(
        f"cannot connect {veth.name}: there is no {veth.bridge} on this host any more;"
        " make the network again (allow_existing), or restart mynetd, to have it made"
        " anew",
        resource=f"interface {veth.bridge}",
        metadata={"errno": "ENODEV", "object": f"interface {veth.bridge}"},
    )


def find_bridge(host: Netlink, veth: Veth) -> int:
    """Return the index of the endpoint's bridge, 0 if there is none.

    A bridge with its name and its MAC address is found by two ioctls, which take 4 us.
    """
    index = host.index(veth.bridge)
    if index and host.mac(veth.bridge) == veth.bridge_mac:
        return index
    bridge = find_own(host, veth.bridge_identity)
    return bridge.index if bridge else 0


def change_outer(veth: Veth, outer: Link, master: int) -> tuple[Request, ...]:
    """Return requests that set on the outer end what it was created with."""
    enslave = link_requests.set_master(outer.index, master)
    return (
        *set_mac_and_mtu(outer, veth.outer_mac, veth.mtu),
        Request(enslave, f"put {veth.name} into {veth.bridge}", f"interface {veth.name}"),
        *change_port(veth, outer.index),
    )


def finish_outer(veth: Veth, index: int, before: Link | None) -> tuple[Request, ...]:
    """Return the requests that complete the outer end.

    They have what the kernel does not accept in the message that creates a link: the marks, and
    how the bridge treats the port, which must be set before the end is up and any frame can pass.
    """
    requests = [*mark(index, veth.identity, before), *new_port(veth, index)]
    return (*requests, *set_up(veth.name, index))


def find_outer(nl: Netlink, veth: Veth) -> Link | None:
    """Return the outer end, complete or not, None if there is none."""
    return find_own(nl, veth.identity) or find_port(nl, veth.identity, veth.bridge_identity)
