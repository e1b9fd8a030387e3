"""Links with a mark of this instance that no record accounts for."""

from collections.abc import Collection, Iterator, Sequence

from mynet.drivers.api import Orphan
from mynet.drivers.linux.links.alias import read_mark
from mynet.drivers.linux.values.desired import Identity
from mynet.drivers.linux.values.observed import Link, choose


def find_orphans(links: Sequence[Link], instance: str, known: Collection[str]) -> Iterator[Orphan]:
    """Yield the links whose records are not known, and those that have a copy of a mark.

    Of several links of one kind with one mark, the daemon works with one, which has the alternative
    name. A link is in use if it is a bridge with ports or one end of a pair: the other end is in a
    sandbox that lives. The shaper of such an end is in use with it.
    """
    bridges = {link.master for link in links}
    paired = {link.mark for link in links if link.peer}
    for link in links:
        of_instance, record = read_mark(link.mark)
        if of_instance != instance:
            continue
        own = choose(links, Identity(link.kind, link.name, link.mark, link.mac))
        in_use = bool(link.peer) or link.index in bridges
        if record not in known:
            in_use = in_use or link.mark in paired
            yield Orphan(record, _name(link), in_use=in_use)
        elif own is not None and own.index != link.index:
            yield Orphan(record, _name(link), is_copy=True, in_use=in_use)


def is_link_of(orphan: Orphan, link: Link) -> bool:
    """Return whether a link is the one that was reported as this orphan."""
    return (read_mark(link.mark)[1], _name(link)) == (orphan.id, orphan.name)


def _name(link: Link) -> str:
    return f"interface {link.name}"
