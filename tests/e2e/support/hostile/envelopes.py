"""Ways to wrap a packet so that a filter may overlook it: tags, tunnels, fragments, headers."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP, TCP, UDP, IPOption_LSRR, fragment
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.l2 import LLC, SNAP, Dot1AD, Dot1Q, Dot3, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.packet import Packet, Raw

_PPP = {0x0800: 0x0021, 0x86DD: 0x0057}  # protocols of PPP, by EtherType


def _ethertype(packet: Packet) -> int:
    return {IP: 0x0800, IPv6: 0x86DD}.get(type(packet), 0x0806)


def plain(source: str, target: str, packet: Packet) -> Packet:
    """Return a frame without any envelope."""
    return Ether(src=source, dst=target, type=_ethertype(packet)) / packet


def _to_group(group: str, source: str, _: str, packet: Packet) -> Packet:
    return plain(source, group, packet)


# Reserved MAC addresses (IEEE 802.1Q, table 8-1), which no bridge forwards by itself.
_GROUPS = [f"01:80:c2:00:00:{last:02x}" for last in (0x00, 0x02, 0x03, 0x0E, 0x0F)]

# Each makes a frame of the source and destination MAC addresses, and a packet.
ENVELOPES: Mapping[str, Callable[[str, str, Packet], Packet]] = {
    "plain": plain,
    "in VLAN 0": lambda source, target, packet: (
        Ether(src=source, dst=target) / Dot1Q(vlan=0, type=_ethertype(packet)) / packet
    ),
    "in VLAN 5": lambda source, target, packet: (
        Ether(src=source, dst=target) / Dot1Q(vlan=5, type=_ethertype(packet)) / packet
    ),
    "in 802.1ad": lambda source, target, packet: (
        Ether(src=source, dst=target) / Dot1AD(vlan=0, type=_ethertype(packet)) / packet
    ),
    "in two tags": lambda source, target, packet: (
        Ether(src=source, dst=target)
        / Dot1AD(vlan=0)
        / Dot1Q(vlan=0, type=_ethertype(packet))
        / packet
    ),
    "in PPPoE": lambda source, target, packet: (
        Ether(src=source, dst=target)
        / PPPoE(sessionid=1)
        / PPP(proto=_PPP.get(_ethertype(packet), 0x0021))
        / packet
    ),
    "in MPLS": lambda source, target, packet: (
        Ether(src=source, dst=target, type=0x8847) / MPLS(label=16, s=1, ttl=64) / packet
    ),
    "in LLC": lambda source, target, packet: (
        Dot3(src=source, dst=target)
        / LLC(dsap=0xAA, ssap=0xAA, ctrl=3)
        / SNAP(OUI=0, code=_ethertype(packet))
        / packet
    ),
    "broadcast": lambda source, _, packet: plain(source, "ff:ff:ff:ff:ff:ff", packet),
    "multicast": lambda source, _, packet: plain(source, "01:00:5e:00:00:fb", packet),
    **{f"to {group}": partial(_to_group, group) for group in _GROUPS},
}


def cut(packet: Packet) -> Sequence[Packet]:
    """Return an IPv4 packet in fragments of 24 bytes, the first of which lacks the payload."""
    parts: list[Packet] = fragment(packet, fragsize=24)  # type: ignore[no-untyped-call] # scapy's
    return parts


def with_options(packet: Packet) -> Packet:
    """Return an IPv4 packet with a source route, which moves the header of the protocol."""
    changed = packet.copy()
    changed.options = [IPOption_LSRR(routers=["192.0.2.1"], pointer=8)]
    del changed.ihl, changed.len, changed.chksum
    return changed


def _protocol(body: Packet) -> int:
    return {UDP: 17, TCP: 6}.get(type(body), 58)


def _behind(packet: Packet, *headers: Packet) -> Packet:
    """Return an IPv6 packet with headers before that of its protocol."""
    outer, inner = packet.copy(), packet.payload.copy()
    outer.remove_payload()
    last = outer.nh if outer.fields.get("nh") else _protocol(inner)
    del outer.nh, outer.plen
    outer.fields.pop("nh", None)
    result = outer
    for header in headers:
        result = result / header
    result.lastlayer().nh = last
    return result / inner


def _halves(packet: Packet, *, hidden: bool = False) -> Sequence[Packet]:
    """Return an IPv6 packet in two fragments; ``hidden`` keeps its header out of the first."""
    base = packet.copy()
    body = bytes(base.payload)
    base.remove_payload()
    base.fields.pop("nh", None)
    base.fields.pop("plen", None)
    kind = _protocol(packet.payload)
    if hidden:
        body = bytes(IPv6ExtHdrDestOpt(nh=kind, options=[PadN(optdata=b"\0\0\0\0")])) + body
        kind = 60
    return [
        base / IPv6ExtHdrFragment(nh=kind, id=9, offset=0, m=1) / Raw(body[:8]),
        base / IPv6ExtHdrFragment(nh=kind, id=9, offset=1, m=0) / Raw(body[8:]),
    ]


# Each makes packets of one IPv6 packet.
EXTENSIONS: Mapping[str, Callable[[Packet], Sequence[Packet]]] = {
    "behind hop-by-hop options": lambda packet: [
        _behind(packet, IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0\0\0\0")]))
    ],
    "behind destination options": lambda packet: [
        _behind(packet, IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0\0\0")]))
    ],
    "behind a routing header": lambda packet: [
        _behind(packet, IPv6ExtHdrRouting(type=2, addresses=["::1"], segleft=0))
    ],
    "in an atomic fragment": lambda packet: [_behind(packet, IPv6ExtHdrFragment(id=7))],
    "in two fragments": _halves,
    "behind options in two fragments": lambda packet: _halves(packet, hidden=True),
}
