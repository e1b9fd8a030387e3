"""Uplinks that have their routes from router advertisements.

The kernel ignores router advertisements on a host that forwards IPv6. It deletes the default routes
from them at the moment when it begins to forward.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mynet.drivers.api import IPV6
from mynet.drivers.linux import sysctl
from mynet.drivers.linux.links.lookup import link_at
from mynet.drivers.linux.netlink import rtnetlink
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.routes import route_replies, route_requests

IPV6_FORWARDING: Final = sysctl.NET / "ipv6/conf/all/forwarding"

# Each line has the address, the index of its link, prefix length, scope, flags, and the link's
# name. Scope 0 is global, and a permanent address has the flag IFA_F_PERMANENT, 0x80.
_ADDRESSES = Path("/proc/thread-self/net/if_inet6")
_TEMPORARY = re.compile(r"^\S+ \S+ \S+ 00 [0-7]\S +(\S+)$", re.MULTILINE)

_ACCEPT: Final = "1"  # of accept_ra: unless the host forwards


def ra_ignored() -> Sequence[str]:
    """Return the uplinks that received router advertisements, and ignore them now."""
    if not sysctl.is_on(IPV6_FORWARDING):
        return ()
    return [setting.parent.name for setting in ignoring_settings()]


def ignoring_settings() -> Sequence[Path]:
    """Return the sysctls accept_ra of uplinks that ignore advertisements once the host forwards."""
    settings = (sysctl.NET / "ipv6/conf" / name / "accept_ra" for name in _advertised())
    return [setting for setting in settings if sysctl.read(setting) == _ACCEPT]


def _advertised() -> Sequence[str]:
    """Return the names of links with a route or an address from a router advertisement.

    The kernel selects the routes, since a host with many networks has thousands of others.
    Like: ``ip -6 route show proto ra``.
    """
    message = route_requests.get_routes(IPV6, protocol=rtnetlink.RTPROT_RA)
    with Netlink() as nl:
        replies = nl.dump(Request(message, "list routes from advertisements", "routes"))
        indexes = {route_replies.read_route(reply).device for reply in replies} - {0}
        links = [link_at(nl, index) for index in indexes]
    return sorted({link.name for link in links if link is not None} | _with_temporary_addresses())


def _with_temporary_addresses() -> frozenset[str]:
    """Return the names of links with a global IPv6 address that expires.

    The text is searched because a host with many networks has thousands of permanent addresses.
    Like: ``ip -6 address show scope global dynamic``.
    """
    if not _ADDRESSES.exists():
        return frozenset()
    return frozenset(_TEMPORARY.findall(_ADDRESSES.read_text()))
