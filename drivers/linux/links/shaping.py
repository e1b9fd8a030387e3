"""Limits on what an endpoint sends and receives, both on the host's end of its pair.

What goes to the sandbox is what the host's end sends: a queue there limits it (tc-tbf(8)). What
comes from the sandbox is led through a device of its own, an ifb, and limited by what that sends
(tc-mirred(8)). A limit on the inner end would be cheaper by that device, but the sandbox could take
it off again.
"""

import errno
from collections.abc import Iterator
from dataclasses import replace

from mynet.drivers.linux.links.alias import is_ours, taken
from mynet.drivers.linux.links.bridges import STANDS, bring_up, find_link
from mynet.drivers.linux.netlink import link_requests, tc
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Rate, Shaper, Veth
from mynet.drivers.linux.values.observed import Link, Snapshot

_NONE = frozenset({errno.ENOENT, errno.EINVAL})  # what the kernel says of a queue that is not there


def shape(nl: Netlink, veth: Veth, index: int) -> tuple[Request, ...]:
    """Make the endpoint's shaper, and return what limits the outer end, whose index is given."""
    return (*_to_sandbox(veth, index), *_from_sandbox(nl, veth, index))


def _to_sandbox(veth: Veth, index: int) -> Iterator[Request]:
    if veth.ingress:
        yield _limit(veth.name, index, veth.ingress)


def _from_sandbox(nl: Netlink, veth: Veth, index: int) -> Iterator[Request]:
    if veth.shaper:
        device = _ensure(nl, veth.shaper)
        resource = f"interface {veth.name}"
        words = f"lead what {veth.name} receives through {veth.shaper.name}"
        yield Request(tc.delete_ingress(index), words, resource, _NONE)
        yield Request(tc.add_ingress(index), words, resource)
        yield Request(tc.redirect(index, device), words, resource)


def _ensure(nl: Netlink, shaper: Shaper) -> int:
    """Make the shaper, or bring it to what it should be; return its index.

    Like: ``ip link add NAME type ifb``. Raises :exc:`InterfaceExists` where the name is another's.
    """
    name, resource = shaper.name, f"interface {shaper.name}"
    made = Request(
        link_requests.new_ifb(name, shaper.mac), f"make the shaper {name}", resource, STANDS
    )
    if nl.ask(made) != (0,) and find_shaper(nl, shaper) is None:
        raise taken(name)
    index = nl.index(name)
    nl.ask(
        Request(link_requests.set_alias(index, shaper.mark), f"mark {name}", resource),
        _limit(name, index, shaper.rate),
        *bring_up(name, index),
    )
    return index


def _limit(name: str, index: int, rate: Rate) -> Request:
    return Request(
        tc.set_rate(index, rate), f"limit what {name} sends to {rate}", f"interface {name}"
    )


def find_shaper(nl: Netlink, shaper: Shaper) -> Link | None:
    """Find the shaper, whole or half-made; None where the name is nobody's or another's."""
    link = find_link(nl, shaper.name)
    return link if link is not None and is_ours(link, shaper) else None


def inspect(nl: Netlink, veth: Veth, seen: Snapshot) -> Snapshot:
    """Add what limits there are. Changes nothing. Like: ``tc qdisc; tc filter``."""
    if seen.outer is None or not (veth.ingress or veth.shaper):
        return seen
    ingress = _limit_of(nl, seen.outer)
    shaper = find_shaper(nl, veth.shaper) if veth.shaper else None
    if shaper is None or not shaper.up or shaper.index not in _led_through(nl, seen.outer):
        return replace(seen, ingress=ingress)
    return replace(seen, ingress=ingress, egress=_limit_of(nl, shaper))


def _limit_of(nl: Netlink, link: Link) -> Rate | None:
    message = tc.get_root(link.index)
    asked = Request(message, f"look up the queue of {link.name}", f"interface {link.name}", _NONE)
    answer = nl.get_acknowledged(asked)
    return tc.read_rate(answer) if answer else None


def _led_through(nl: Netlink, link: Link) -> set[int]:
    message = tc.get_ingress_filters(link.index)
    asked = Request(message, f"list the filters of {link.name}", f"interface {link.name}", _NONE)
    return {device for data in nl.dump(asked) for device in tc.read_redirections(data)}
