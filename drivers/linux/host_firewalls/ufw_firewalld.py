"""The configuration of ufw and firewalld, in their files. Their rules are not read.

Both make their rules from files that every user may read.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mynet.drivers.api import IPV6

UFW = Path("/etc/ufw")
FIREWALLD = Path("/etc/firewalld")

# "route:allow", no port and no address, in or out: what `ufw route allow in on br-web` writes.
_ROUTE = re.compile(
    r"^### tuple ### route:allow any any (?:0\.0\.0\.0/0|::/0) any (?:0\.0\.0\.0/0|::/0)"
    r" (in|out)_(\S+)",
    re.MULTILINE,
)
_ACCEPTS = re.compile(r"<zone\b[^>]*\btarget=\"ACCEPT\"")
_INTERFACE = re.compile(r"<interface\b[^>]*\bname=\"([^\"]+)\"")


def ufw_routes(version: int) -> frozenset[tuple[str, str]]:
    """Return the interfaces from or to which ufw forwards all packets, each with "in" or "out".

    Like: ``ufw status``, the lines with ALLOW FWD.
    """
    rules = _text(UFW / ("user6.rules" if version == IPV6 else "user.rules"))
    return frozenset((way, interface) for way, interface in _ROUTE.findall(rules))


def accepted_by_firewalld() -> frozenset[str]:
    """Return the interfaces that are permanently in a zone that accepts all packets.

    Like: ``firewall-cmd --permanent --zone=trusted --list-interfaces``.
    """
    return frozenset(interface for zone in _zones() for interface in _INTERFACE.findall(zone))


def _zones() -> Iterator[str]:
    for path in sorted((FIREWALLD / "zones").glob("*.xml")):
        zone = _text(path)
        if _ACCEPTS.search(zone):
            yield zone


def _text(path: Path) -> str:
    """Return the text of a file, or "" if it does not exist or cannot be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
