"""Endpoints: a pair of links, the outer end in a bridge of the host, the inner end in a sandbox.

The order of the messages keeps the time under RTNL short. One message creates the pair with the
inner end in its place, one datagram completes the outer end and another the inner end, and nothing
is asked that is known already.
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace

from mynet.drivers.api import IPAddress
from mynet.drivers.errors import KernelError, SandboxNotFound
from mynet.drivers.linux import netns
from mynet.drivers.linux.group_commit import GroupCommit
from mynet.drivers.linux.links import inner_end
from mynet.drivers.linux.links.alias import is_ours, taken
from mynet.drivers.linux.links.batch_delete import delete_links
from mynet.drivers.linux.links.bridge_port import change_port, inspect_port, new_port
from mynet.drivers.linux.links.bridges import set_mac_and_mtu, set_up
from mynet.drivers.linux.links.gratuitous_arp import Announcer, corrections
from mynet.drivers.linux.links.lookup import EXISTS, delete_link, find_link, fixed_among
from mynet.drivers.linux.links.settings import write_settings
from mynet.drivers.linux.links.shaping import find_shaper, inspect_limits, limit
from mynet.drivers.linux.netlink import link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Veth
from mynet.drivers.linux.values.observed import Link, Snapshot


class Veths:
    """The part of :class:`~mynet.drivers.linux.interface.Links` about endpoints."""

    def __init__(self) -> None:
        self._deletions = GroupCommit(delete_links)
        self._announcer = Announcer()

    def attach(self, veth: Veth) -> None:
        """Like: ip link add NAME master BRIDGE type veth peer IFACE netns NS; ip route add ...

        It completes what an earlier attempt left, or makes the pair again where the two ends are
        not a pair in the right place. Neighbours that knew the addresses learn the new MAC address.
        """
        with Netlink() as host, inner_end.open_inner_namespace(veth.sandbox) as place:
            master = host.index(veth.bridge)
            if not master:
                raise KernelError(
                    f"cannot connect {veth.name}: there is no {veth.bridge} on this host any more;"
                    " make the network again (allow_existing), or restart mynetd, to have it made"
                    " anew",
                    resource=f"interface {veth.bridge}",
                    metadata={"errno": "ENODEV", "object": f"interface {veth.bridge}"},
                )
            if veth.bridge_mac not in ("", host.mac(veth.bridge)):
                raise taken(veth.bridge)
            is_new = _make(host, veth, master, place)
            comes_up = is_new or _take_over(host, veth, master, place)
            if veth.sandbox is not None:
                if comes_up:
                    self._announcer.announce(veth)
                host.ask(*corrections(veth, master))
            index = host.index(veth.name)
            host.ask(*limit(host, veth, index), *_finish_outer(veth, index))
            if veth.sandbox is not None:
                with place.entered():
                    write_settings(veth.interface, veth.settings)
                if not is_new:
                    inner_end.restore_inner(place.nl, veth)
                inner_end.finish_inner(place.nl, veth)

    def detach(self, endpoints: Iterable[Veth]) -> None:
        """Like: ip link delete NAME, for many at once."""
        with Netlink() as nl:
            links = [link for veth in endpoints for link in _links_of(nl, veth)]
        self._deletions.submit(links)

    def adjust(self, endpoints: Iterable[Veth]) -> None:
        """Like: ip link set dev NAME type bridge_slave isolated on ..., for many at once."""
        with Netlink() as nl:
            outer_ends = [(veth, link) for veth in endpoints if (link := _find_outer(nl, veth))]
            requests = [
                request
                for veth, link in outer_ends
                if link.master and link.master == nl.index(veth.bridge)
                for request in change_port(veth, link.index)
            ]
            if requests:
                nl.ask(*requests)

    def inspect(self, veth: Veth) -> Snapshot:
        """Like: ip addr; ip route."""
        with Netlink() as host:
            outer = find_link(host, veth.name)
            master = host.name(outer.master) if outer and outer.master else ""
            outside = Snapshot(
                outer,
                master,
                master_mac=host.mac(master) if master else "",
                neighbours=_fixed_neighbours(host, veth, outer),
            )
            outside = inspect_port(host, veth, inspect_limits(host, veth, outside))
        try:
            with netns.entered(veth.sandbox) if veth.sandbox else nullcontext(), Netlink() as nl:
                return inner_end.inspect_inner(nl, veth, outside)
        except SandboxNotFound:
            return replace(outside, sandbox_there=False)

    def close(self) -> None:
        """Close the descriptor that addresses are announced with."""
        self._announcer.close()


def _fixed_neighbours(host: Netlink, veth: Veth, outer: Link | None) -> dict[IPAddress, str]:
    if outer is None or not outer.master:
        return {}
    return fixed_among(host, outer.master, (address.ip for address in veth.addresses))


def _make(host: Netlink, veth: Veth, master: int, place: inner_end.InnerNamespace) -> bool:
    """Create the pair; return False if one of its names exists already."""
    request = Request(
        link_requests.new_veth(veth, master, place.fd),
        f"make the pair {veth.name} and {veth.interface} in {veth.bridge}",
        f"interface {veth.name}",
        EXISTS,
    )
    return host.ask(request) == (0,)


def _take_over(host: Netlink, veth: Veth, master: int, place: inner_end.InnerNamespace) -> bool:
    """Change the link that has the endpoint's name; return False if it was up already.

    Raises :exc:`InterfaceExists` if the link is not the endpoint's.
    """
    outer = find_link(host, veth.name)
    if outer is None:
        raise taken(veth.interface, place.words)
    if not is_ours(outer, veth):
        raise taken(veth.name)
    if _is_pair(veth, outer, place):
        host.ask(*_change_outer(veth, outer.index, master))
        if veth.sandbox is not None:
            place.nl.ask(set_mac_and_mtu(veth.interface, outer.peer, veth.mac, veth.mtu))
        return not outer.up
    delete_link(host, outer)
    if not _make(host, veth, master, place):
        raise taken(veth.interface, place.words)
    return True


def _is_pair(veth: Veth, outer: Link, place: inner_end.InnerNamespace) -> bool:
    """Return whether the outer end's peer is the inner end, with its name and in its place.

    Without a sandbox the caller may have moved and renamed the inner end, as it is meant to.
    """
    if veth.sandbox is None:
        return True
    inner = find_link(place.nl, veth.interface)
    return inner is not None and (inner.index, inner.peer) == (outer.peer, outer.index)


def _change_outer(veth: Veth, index: int, master: int) -> tuple[Request, ...]:
    """Return requests that set on the outer end what it was created with."""
    enslave = link_requests.set_master(index, master)
    return (
        set_mac_and_mtu(veth.name, index, veth.outer_mac, veth.mtu),
        Request(enslave, f"put {veth.name} into {veth.bridge}", f"interface {veth.name}"),
        *change_port(veth, index),
    )


def _finish_outer(veth: Veth, index: int) -> tuple[Request, ...]:
    """Return the requests that complete the outer end.

    They have what the kernel does not accept in the message that creates a link: the alias, and
    how the bridge treats the port, which must be set before the end is up and any frame can pass.
    """
    mark, resource = link_requests.set_alias(index, veth.mark), f"interface {veth.name}"
    requests = [Request(mark, f"mark {veth.name}", resource), *new_port(veth, index)]
    return (*requests, *set_up(veth.name, index))


def _find_outer(nl: Netlink, veth: Veth) -> Link | None:
    """Return the outer end, complete or not; None if the name is free or another link's."""
    link = find_link(nl, veth.name)
    return link if link is not None and is_ours(link, veth) else None


def _links_of(nl: Netlink, veth: Veth) -> Iterator[Link]:
    """Yield the links of the host that are the endpoint's, complete or not."""
    if outer := _find_outer(nl, veth):
        yield outer
    if veth.shaper and (shaper := find_shaper(nl, veth.shaper)):
        yield shaper
