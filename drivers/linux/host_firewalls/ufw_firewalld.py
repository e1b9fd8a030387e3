"""What people have told ufw and firewalld, in files of theirs: the rules themselves are not read.

Both keep what they were told where anybody may read it, and make their rules from that.
"""

import re
from collections.abc import Iterator
from pathlib import Path

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
    """List the interfaces that ufw forwards all packets from or to, each with "in" or "out".

    Like: ``ufw status``, the lines with ALLOW FWD.
    """
    rules = _text(UFW / ("user.rules" if version == 4 else "user6.rules"))  # noqa: PLR2004 - IPv4
    return frozenset((way, interface) for way, interface in _ROUTE.findall(rules))


def accepted_by_firewalld() -> frozenset[str]:
    """List the interfaces that are for good in a zone which accepts all, such as ``trusted``.

    Like: ``firewall-cmd --permanent --zone=trusted --list-interfaces``.
    """
    return frozenset(interface for zone in _zones() for interface in _INTERFACE.findall(zone))


def _zones() -> Iterator[str]:
    for path in sorted((FIREWALLD / "zones").glob("*.xml")):
        zone = _text(path)
        if _ACCEPTS.search(zone):
            yield zone


def _text(path: Path) -> str:
    """Read a file; one that is not there, or not ours to read, says nothing."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
