"""Deletion of many links at the cost of one.

The kernel takes 16 to 20 ms to delete a link, and hardly longer for a group of a hundred.
"""

import secrets
from collections.abc import Iterator, Sequence

from mynet.drivers.linux.links.lookup import GONE
from mynet.drivers.linux.netlink.links import link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.observed import Link

# Links per datagram. The kernel may refuse each one, and a socket has room for some 200 replies.
_AT_ONCE = 100


def delete_links(links: Sequence[Link]) -> None:
    """Delete links. They and their peers are gone when this returns."""
    with Netlink() as nl:
        for start in range(0, len(links), _AT_ONCE):
            nl.ask(*_requests(links[start : start + _AT_ONCE]))


def _requests(links: Sequence[Link]) -> Iterator[Request]:
    """Move the links into a group of their own, down, and delete the group.

    Like: ``ip link set dev NAME down group N``, then ``ip link delete group N``.
    """
    group = secrets.randbits(30) + (1 << 30)  # large, because people use small numbers
    for link in links:
        aside = link_requests.set_down_in_group(link.index, group)
        yield Request(aside, f"set {link.name} aside", f"interface {link.name}", GONE)
    names = ", ".join(link.name for link in links[:3])
    yield Request(link_requests.delete_group(group), f"delete {names}", f"interface {names}", GONE)
