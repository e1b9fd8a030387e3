"""The daemon's own links, found by their marks, whatever their names are.

Other programs rename links: udev rules, administrators, the owner of a sandbox. A link keeps its
index, its alias and its alternative names then, and so does the traffic over it.
"""

import errno
from collections.abc import Iterator
from typing import Final

from mynet.drivers.linux.links.lookup import GONE, find_link, list_links
from mynet.drivers.linux.netlink.links import link_replies, link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Identity
from mynet.drivers.linux.values.observed import Link

# A kernel before 6.2 renames only links that are down.
_IS_UP: Final = frozenset({errno.EBUSY})
_TAKEN: Final = frozenset({errno.EEXIST})


def find_own(nl: Netlink, identity: Identity) -> Link | None:
    """Return the link with an identity, None if there is none.

    It does not list links, so it finds a link without its alternative name only by its name.
    :func:`set_altnames` adds the alternative names that are missing.
    Like: ``ip -d link show dev ALTNAME``, else ``ip -d link show dev NAME``.
    """
    link = find_link(nl, altname=identity.altname)
    if link is None and nl.index(identity.name):
        link = find_link(nl, name=identity.name)
    return link if link is not None and link.is_of(identity) else None


def list_own(nl: Netlink, *identities: Identity) -> list[Link]:
    """Return all links with one of the identities.

    There is more than one with an identity if another program has copied the alias.
    """
    links = map(link_replies.read_link, list_links(nl))
    return [link for link in links if any(map(link.is_of, identities))]


def find_port(nl: Netlink, identity: Identity, bridge: Identity) -> Link | None:
    """Return a port of a bridge by its alias. Like: ``ip -d link show master BRIDGE``.

    It finds a port that another program has renamed, and whose alternative name it has removed.
    """
    if (master := find_own(nl, bridge)) is None:
        return None
    request = Request(link_requests.get_ports(master.index), "list ports", f"interface {bridge}")
    links = map(link_replies.read_link, nl.dump(request))
    return next((link for link in links if link.is_of(identity)), None)


def mark(index: int, identity: Identity, before: Link | None = None) -> Iterator[Request]:
    """Yield the requests that give a link its alias and its alternative name.

    ``before`` is the link as it was found, None for a new one. Like: ``ip link set dev NAME alias
    MARK``; ``ip link property add dev NAME altname ALTNAME``.
    """
    resource = f"interface {identity.name}"
    message = link_requests.set_alias(index, identity.mark)
    yield Request(message, f"mark {identity.name}", resource)
    if before is None or identity.altname not in before.altnames:
        message = link_requests.add_altname(index, identity.altname)
        yield Request(message, f"name {identity.name} {identity.altname}", resource)


def restore_name(nl: Netlink, link: Link, name: str) -> str:
    """Rename a link to the name that it should have; return the name that it has afterwards.

    It keeps its name where another link has the other one. Traffic goes on meanwhile, except with a
    kernel before 6.2, which renames only links that are down. Like: ``ip link set dev OLD name
    NAME``.
    """
    if link.name == name:
        return name
    doing, resource = f"rename {link.name} to {name}", f"interface {link.name}"
    if name in link.altnames:
        nl.ask(Request(link_requests.delete_altname(link.index, name), doing, resource, GONE))
    rename = Request(link_requests.set_name(link.index, name), doing, resource, _TAKEN | _IS_UP)
    result = nl.ask(rename)[-1]
    if result == errno.EBUSY:
        down = Request(link_requests.set_down(link.index), f"set {link.name} down", resource)
        up = Request(link_requests.set_up(link.index), f"set {link.name} up", resource)
        result = nl.ask(down, rename, up)[1]
    return link.name if result else name
