"""Endpoints: a pair of links, the outer end in a bridge of the host, the inner end in a sandbox.

The order of the messages keeps the time under RTNL short. One message creates the pair with the
inner end in its place, one datagram completes the outer end and another the inner end, and nothing
is asked that is known already.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from mynet.drivers.errors import InterfaceExists, SandboxNotFound
from mynet.drivers.linux.group_commit import GroupCommit
from mynet.drivers.linux.links.alias import renamed, taken
from mynet.drivers.linux.links.batch_delete import delete_links
from mynet.drivers.linux.links.carriers import Carriers
from mynet.drivers.linux.links.lookup import EXISTS, find_link
from mynet.drivers.linux.links.own_links import find_own, find_port, list_own, restore_name
from mynet.drivers.linux.links.veths import inner_end
from mynet.drivers.linux.links.veths.bridge_port import change_port
from mynet.drivers.linux.links.veths.gratuitous_arp import Announcer, corrections
from mynet.drivers.linux.links.veths.outer_end import (
    change_outer,
    find_bridge,
    find_outer,
    finish_outer,
    inspect_outer,
    require_bridge,
)
from mynet.drivers.linux.links.veths.shaping import limit
from mynet.drivers.linux.netlink.links import link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Veth
from mynet.drivers.linux.values.endpoint_rules import Attachment, admit_nothing
from mynet.drivers.linux.values.observed import Link, Snapshot


class Veths:
    """The part of :class:`~mynet.drivers.linux.interface.links.Links` about endpoints."""

    def __init__(self, carriers: Carriers) -> None:
        self._carriers = carriers
        self._deletions = GroupCommit(delete_links)
        self._announcer = Announcer()

    def attach(self, veth: Veth, admit: Callable[[Attachment], object] = admit_nothing) -> None:
        """Like: ip link add NAME master BRIDGE type veth peer IFACE netns NS; ip route add ...

        It completes what an earlier attempt left, and changes a pair in place, whatever the names
        of its ends are. Neighbours that knew the addresses learn the new MAC address. The inner end
        comes up last, so that nothing of what it sends then is lost.
        """
        with Netlink() as host:
            master = require_bridge(host, veth)
            outer = find_own(host, veth.identity)
            if outer is not None and not veth.manages_inner:
                self._change(host, veth, master, outer)
                admit(Attachment(outer.index, master))
                return
            with inner_end.open_inner_namespace(veth.sandbox) as place:
                index, inner = self._attach(host, place, veth, master, outer)
                admit(Attachment(index, master))
                if veth.sandbox is not None:
                    inner_end.complete(place, veth, inner)

    def _attach(
        self,
        host: Netlink,
        place: inner_end.InnerNamespace,
        veth: Veth,
        master: int,
        outer: Link | None,
    ) -> tuple[int, Link | None]:
        """Make the pair, or change the one that has the outer end.

        Returns the index of the outer end, and the inner end of a pair that was there.
        """
        if outer is None and not _make(host, veth, master, place):
            outer = find_port(host, veth.identity, veth.bridge_identity)
            if outer is None:
                raise _taken(host, veth, place)
        if outer is None:
            index = host.index(veth.name)
            self._finish(host, veth, master, index, None)
            return index, None
        inner = inner_end.require_inner(host, place, veth, outer)
        self._change(host, veth, master, outer)
        return outer.index, inner

    def _change(self, host: Netlink, veth: Veth, master: int, outer: Link) -> None:
        """Change the outer end to what it should be. Raises ``InterfaceExists`` for its name."""
        name = restore_name(host, outer, veth.name)
        host.ask(*change_outer(veth, outer, master))
        self._finish(host, veth, master, outer.index, outer)
        if name != veth.name:
            raise renamed(name, veth.name)

    def _finish(
        self, host: Netlink, veth: Veth, master: int, index: int, before: Link | None
    ) -> None:
        """Mark the outer end, set its limits, and set it up.

        ``before`` is the end as it was found, None for a new one. If it was down, its neighbours
        learn its MAC address first.
        """
        comes_up = before is None or not before.up
        if veth.sandbox is not None:
            if comes_up:
                self._announcer.announce(veth)
            host.ask(*corrections(veth, master))
        host.ask(*limit(host, veth, index), *finish_outer(veth, index, before))

    def detach(self, endpoints: Iterable[Veth]) -> None:
        """Like: ip link delete NAME, for many at once.

        All links are listed only for a mark that more links carry than were looked up.
        """
        with Netlink() as nl:
            links = [link for veth in endpoints for link in self._links_of(nl, veth)]
        self._deletions.submit(links)

    def _links_of(self, nl: Netlink, veth: Veth) -> Sequence[Link]:
        """Return the links of the host that are the endpoint's, complete or not."""
        links = list(_look_up(nl, veth))
        count = self._carriers.count(veth.mark)
        marked = [link for link in links if link.mark == veth.mark]
        if len(marked) == len(links) and count is not None and count <= len(marked):
            return links
        return list_own(nl, veth.identity, *([veth.shaper.identity] if veth.shaper else ()))

    def attachments(self, endpoints: Iterable[Veth]) -> Sequence[Attachment | None]:
        """Like: ip link show NAME, for many at once."""
        with Netlink() as nl:
            links = [find_outer(nl, veth) for veth in endpoints]
        return [
            Attachment(link.index, link.master) if link and link.master else None for link in links
        ]

    def adjust(self, endpoints: Iterable[Veth]) -> None:
        """Like: ip link set dev NAME type bridge_slave isolated on ..., for many at once."""
        with Netlink() as nl:
            outer_ends = [(veth, link) for veth in endpoints if (link := find_outer(nl, veth))]
            requests = [
                request
                for veth, link in outer_ends
                if link.master and link.master == find_bridge(nl, veth)
                for request in change_port(veth, link.index)
            ]
            if requests:
                nl.ask(*requests)

    def inspect(self, veth: Veth) -> Snapshot:
        """Like: ip addr; ip route."""
        with Netlink() as host:
            outer = find_outer(host, veth)
            if outer is None:
                outside = Snapshot(find_link(host, veth.name))
            else:
                outside = inspect_outer(host, veth, outer)
            if not veth.manages_inner:
                return outside
            try:
                return inner_end.inspect_inner(host, veth, outer, outside)
            except SandboxNotFound:
                return replace(outside, sandbox_there=False)

    def living(self, endpoints: Iterable[Veth]) -> Collection[str]:
        """Like: ip link show dev NAME target-nsid N."""
        with Netlink() as nl:
            return {
                veth.mark
                for veth in endpoints
                if (outer := find_outer(nl, veth)) and inner_end.lives(nl, outer)
            }

    def close(self) -> None:
        """Close the descriptor that addresses are announced with."""
        self._announcer.close()


def _make(host: Netlink, veth: Veth, master: int, place: inner_end.InnerNamespace) -> bool:
    """Create the pair; return False if one of its names exists already."""
    request = Request(
        link_requests.new_veth(veth, master, place.fd),
        f"make the pair {veth.name} and {veth.interface} in {veth.bridge}",
        f"interface {veth.name}",
        EXISTS,
    )
    return host.ask(request) == (0,)


def _taken(host: Netlink, veth: Veth, place: inner_end.InnerNamespace) -> InterfaceExists:
    """Return the error for the name of an end that is another link's."""
    return taken(veth.name) if host.index(veth.name) else taken(veth.interface, place.words)


def _look_up(nl: Netlink, veth: Veth) -> Iterator[Link]:
    """Yield the outer end and the shaper that the daemon works with."""
    if outer := find_outer(nl, veth):
        yield outer
    if veth.shaper and (shaper := find_own(nl, veth.shaper.identity)):
        yield shaper
