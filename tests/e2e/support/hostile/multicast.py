"""Messages about multicast groups, by which bridges decide who gets what is sent to a group."""

from collections.abc import Iterator
from ipaddress import ip_address

from scapy.layers.igmp import IGMP
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import (
    ICMPv6MLQuery,
    ICMPv6MLReport,
    IPv6,
    IPv6ExtHdrHopByHop,
    RouterAlert,
)
from scapy.packet import Packet, Raw

from tests.e2e.support.hostile import spoofing
from tests.e2e.support.hostile.envelopes import plain
from tests.e2e.support.hostile.scene import Attack, Party, Scene

FIRST = {4: "239.1.0.0", 6: "ff0e::1:0:0"}
_ALL = {4: "224.0.0.1", 6: "ff02::1"}
_QUERY, _REPORT, _DELAY = 0x11, 0x16, 1


def reports(scene: Scene, number: int, version: int) -> Iterator[bytes]:
    """Yield reports of as many groups (RFC 2236, RFC 2710)."""
    me, first = scene.me, ip_address(FIRST[version])
    for place in range(number):
        group = str(first + place)
        message = IGMP(type=_REPORT, gaddr=group) if version == 4 else ICMPv6MLReport(mladdr=group)
        yield _to_group(me, group, message)


def query(scene: Scene, version: int) -> bytes:
    """Return a query of a multicast router for all groups."""
    message = IGMP(type=_QUERY, mrcode=_DELAY) if version == 4 else ICMPv6MLQuery(mrd=_DELAY)
    return _to_group(scene.me, _ALL[version], message)


def datagram(scene: Scene, version: int) -> Attack:
    """Return a datagram to the first group."""
    mark, group = spoofing.token(), FIRST[version]
    header = (
        IP(src=scene.me.ip4, dst=group)
        if version == 4
        else IPv6(src=scene.me.local, dst=group, hlim=8)
    )
    frame = plain(scene.me.mac, _mac(group), header / UDP(sport=9, dport=9) / Raw(mark))
    return Attack(f"IPv{version}", bytes(frame), mark)


def _to_group(sender: Party, group: str, message: Packet) -> bytes:
    packet: Packet
    if ip_address(group).version == 4:
        packet = IP(src=sender.ip4, dst=group, ttl=1) / message
    else:
        alert = IPv6ExtHdrHopByHop(options=[RouterAlert()])
        packet = IPv6(src=sender.local, dst=group, hlim=1) / alert / message
    return bytes(plain(sender.mac, _mac(group), packet))


def _mac(group: str) -> str:
    packed = ip_address(group).packed
    if len(packed) == 4:
        return f"01:00:5e:{packed[1] & 127:02x}:{packed[2]:02x}:{packed[3]:02x}"
    return "33:33:" + packed[-4:].hex(":")
