"""Special-purpose address blocks, in which a network's subnet cannot be or seldom should be.

Sources: RFC 6890, and the registries that it founded: iana-ipv4-special-registry and
iana-ipv6-special-registry; for multicast RFC 5771 and RFC 4291. Blocks of these registries that any
network may use, such as Private-Use, Shared Address Space, Benchmarking and Documentation, are left
out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from mynet.ipam.api import IPAddress, IPNetwork

# The shortest prefix of a subnet, by IP version: a shorter one would take the addresses of many
# other networks from the host. No private block is larger.
_SHORTEST = {4: 8, 6: 7}


@dataclass(frozen=True, slots=True)
class Block:
    """A block of addresses with a meaning of its own."""

    cidr: IPNetwork
    # As in the registry.
    name: str
    # The source of the block.
    rfc: str
    # Why a network should not have these addresses.
    reason: str

    def __str__(self) -> str:
        """Return the block as errors name it."""
        return f"{self.cidr} ({self.name}, {self.rfc}), {self.reason}"


def _blocks(*rows: tuple[str, str, str, str]) -> tuple[Block, ...]:
    return tuple(Block(ip_network(cidr), *words) for cidr, *words in rows)


# Blocks that have no addresses of hosts.
UNUSABLE = _blocks(
    ("0.0.0.0/8", '"This network"', "RFC 791", "with the unspecified address"),
    ("127.0.0.0/8", "Loopback", "RFC 1122", "which every host has for loopback"),
    ("224.0.0.0/4", "Multicast", "RFC 5771", "whose multicast addresses are of groups"),
    ("240.0.0.0/4", "Reserved", "RFC 1112", "which most hosts drop"),
    ("::/128", "Unspecified Address", "RFC 4291", "the unspecified address"),
    ("::1/128", "Loopback Address", "RFC 4291", "which every host has for loopback"),
    ("::ffff:0:0/96", "IPv4-mapped Address", "RFC 4291", "which stands for IPv4 in programs"),
    ("::/96", "IPv4-Compatible Address", "RFC 4291", "which is deprecated"),
    ("64:ff9b::/96", "IPv4-IPv6 Translat.", "RFC 6052", "which leads to IPv4 by NAT64"),
    ("100::/64", "Discard-Only Address Block", "RFC 6666", "which routers drop"),
    ("2001::/32", "TEREDO", "RFC 4380", "which leads to IPv4 by tunnels"),
    ("2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843", "which is not routed"),
    ("2001:20::/28", "ORCHIDv2", "RFC 7343", "which is not routed"),
    ("5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602", "whose routers read instructions"),
    ("fe80::/10", "Link-Local Unicast", "RFC 4291", "of which every link has link-local addresses"),
    ("ff00::/8", "Multicast", "RFC 4291", "whose multicast addresses are of groups"),
)
# Blocks whose addresses a caller may give to hosts on purpose.
SPECIAL = _blocks(
    ("169.254.0.0/16", "Link Local", "RFC 3927", "where clouds have their metadata service"),
    ("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890", "which 464XLAT and others use"),
    ("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526", "where relays may still be"),
    ("64:ff9b:1::/48", "IPv4-IPv6 Translat.", "RFC 8215", "which this site may use for NAT64"),
    ("2002::/16", "6to4", "RFC 3056", "which leads to IPv4 by tunnels"),
    ("fec0::/10", "Site-Local Unicast", "RFC 3879", "which is deprecated"),
)
_LINK_LOCAL = ip_network("fe80::/10")


def why_unusable(cidr: IPNetwork) -> str:
    """Return why no subnet can be inside a block, or "" where one can."""
    return _why_inside(cidr, UNUSABLE)


def why_special(cidr: IPNetwork) -> str:
    """Return why a caller should use a subnet on purpose only, or "" for an ordinary one."""
    return _why_inside(cidr, SPECIAL)


def why_unusable_by_networks(cidr: IPNetwork) -> str:
    """Return why no network can have a subnet, or "" where one can.

    Unlike a subnet of callers alone, it takes all of its addresses from the host.
    """
    largest = _SHORTEST[cidr.version]
    if reason := _why_overlapping(cidr, UNUSABLE):
        return reason
    if cidr.prefixlen < largest:
        return f"it is larger than a /{largest}, and this host would lose most other networks"
    return ""


def why_special_for_networks(cidr: IPNetwork) -> str:
    """Return why a caller should make a network with a subnet on purpose only, or ""."""
    return _why_overlapping(cidr, SPECIAL)


def why_no_gateway(address: IPAddress) -> str:
    """Return why an address cannot be that of a host on a link, or "" where it can."""
    return _why_inside(
        ip_network(address), [block for block in UNUSABLE if block.cidr != _LINK_LOCAL]
    )


def _why_inside(cidr: IPNetwork, blocks: Sequence[Block]) -> str:
    return next(
        (
            f"it is in {block}"
            for block in blocks
            if block.cidr.overlaps(cidr) and block.cidr.prefixlen <= cidr.prefixlen
        ),
        "",
    )


def _why_overlapping(cidr: IPNetwork, blocks: Sequence[Block]) -> str:
    contained = (f"it contains {block}" for block in blocks if block.cidr.overlaps(cidr))
    return _why_inside(cidr, blocks) or next(contained, "")
