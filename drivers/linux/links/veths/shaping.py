"""Limits on what an endpoint sends and receives, both on the outer end of its pair.

The outer end sends what goes to the sandbox, so a queue there limits it (tc-tbf(8)). What comes
from the sandbox is redirected through a device of its own, an ifb, whose queue limits it
(tc-mirred(8)). A limit on the inner end would need no device, but the sandbox could remove it.
"""

import errno
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from mynet.drivers.linux.links.alias import taken
from mynet.drivers.linux.links.configuration import set_up
from mynet.drivers.linux.links.lookup import EXISTS
from mynet.drivers.linux.links.own_links import find_own, mark, restore_name
from mynet.drivers.linux.netlink.links import link_requests, tc
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Rate, Shaper, Veth
from mynet.drivers.linux.values.observed import Snapshot

_NO_QUEUE: Final = frozenset({errno.ENOENT, errno.EINVAL})


def limit(nl: Netlink, veth: Veth, index: int) -> Iterator[Request]:
    """Create the endpoint's shaper; yield the requests that limit the outer end with an index.

    Limits that hold are not set again, because packets get lost and change places meanwhile. Raises
    :exc:`InterfaceExists` where the shaper's name is another link's.
    """
    if veth.ingress:
        yield from _change_rate(nl, veth.name, index, veth.ingress)
    if veth.shaper:
        device = _ensure_shaper(nl, veth.shaper)
        if device in _redirections_of(nl, veth.name, index):
            return
        resource = f"interface {veth.name}"
        doing = f"redirect what {veth.name} receives through {veth.shaper.name}"
        yield Request(tc.delete_ingress(index), doing, resource, _NO_QUEUE)
        yield Request(tc.add_ingress(index), doing, resource)
        yield Request(tc.redirect(index, device), doing, resource)


def _ensure_shaper(nl: Netlink, shaper: Shaper) -> int:
    """Create the shaper, or change it to what it should be; return its index.

    Like: ``ip link add NAME type ifb``.
    """
    name, resource = shaper.name, f"interface {shaper.name}"
    link = find_own(nl, shaper.identity)
    if link is None:
        message = link_requests.new_ifb(name, shaper.mac)
        if nl.ask(Request(message, f"make the shaper {name}", resource, EXISTS)) != (0,):
            raise taken(name)
        index = nl.index(name)
    else:
        index = link.index
        restore_name(nl, link, name)
    nl.ask(
        *mark(index, shaper.identity, link),
        *_change_rate(nl, name, index, shaper.rate),
        *set_up(name, index),
    )
    return index


def _change_rate(nl: Netlink, name: str, index: int, rate: Rate) -> Iterator[Request]:
    """Yield the request that limits what a link sends, if it has another limit or none."""
    if _rate_of(nl, name, index) != rate:
        doing = f"limit what {name} sends to {rate}"
        yield Request(tc.set_rate(index, rate), doing, f"interface {name}")


def inspect_limits(nl: Netlink, veth: Veth, seen: Snapshot) -> Snapshot:
    """Return a snapshot with the limits that hold. Like: ``tc qdisc; tc filter``."""
    if seen.outer is None or not (veth.ingress or veth.shaper):
        return seen
    outer, ingress = seen.outer, _rate_of(nl, seen.outer.name, seen.outer.index)
    shaper = find_own(nl, veth.shaper.identity) if veth.shaper else None
    seen = replace(seen, ingress=ingress, shaper=shaper)
    redirections = _redirections_of(nl, outer.name, outer.index)
    if shaper is None or not shaper.up or shaper.index not in redirections:
        return seen
    return replace(seen, egress=_rate_of(nl, shaper.name, shaper.index))


def _rate_of(nl: Netlink, name: str, index: int) -> Rate | None:
    doing, resource = f"look up the queue of {name}", f"interface {name}"
    reply = nl.get_acknowledged(Request(tc.get_root(index), doing, resource, _NO_QUEUE))
    return tc.read_rate(reply) if reply else None


def _redirections_of(nl: Netlink, name: str, index: int) -> set[int]:
    doing, resource = f"list the filters of {name}", f"interface {name}"
    replies = nl.dump(Request(tc.get_ingress_filters(index), doing, resource, _NO_QUEUE))
    return {device for reply in replies for device in tc.read_redirections(reply)}
