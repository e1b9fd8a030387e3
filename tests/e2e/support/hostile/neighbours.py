"""Attacks on the tables of neighbours: ARP, neighbour discovery, DHCP, multicast queries."""

from collections.abc import Iterator
from itertools import count

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Reply
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (
    ICMPv6MLQuery,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from tests.e2e.support.hostile.envelopes import ENVELOPES, EXTENSIONS, plain
from tests.e2e.support.hostile.scene import Attack, Scene
from tests.e2e.support.hostile.spoofing import token

EVERYBODY, ALL_NODES, ALL_NODES_MAC = "ff:ff:ff:ff:ff:ff", "ff02::1", "33:33:00:00:00:01"
_numbers = count(1)
_TAGS = ("in VLAN 0", "in 802.1ad", "in two tags", "to 01:80:c2:00:00:0e")


def arp(scene: Scene) -> Iterator[Attack]:
    """Yield ARP packets that claim an address or MAC address of another."""
    me, gateway, neighbour = scene.me, scene.gateway, scene.neighbour
    claims: dict[str, tuple[str, str, Packet]] = {}
    for name, victim, other in (
        ("the gateway", gateway, neighbour),
        ("a neighbour", neighbour, gateway),
    ):
        claims |= {
            f"announces {name}": (
                *(me.mac, EVERYBODY),
                ARP(op=1, hwsrc=me.mac, psrc=victim.ip4, pdst=victim.ip4),
            ),
            f"answers for {name}": (
                *(me.mac, other.mac),
                ARP(op=2, hwsrc=me.mac, psrc=victim.ip4, hwdst=other.mac, pdst=other.ip4),
            ),
            f"asks as {name}": (
                *(me.mac, EVERYBODY),
                ARP(op=1, hwsrc=me.mac, psrc=victim.ip4, pdst=other.ip4),
            ),
            f"gives itself the MAC address of {name}": (
                *(me.mac, EVERYBODY),
                ARP(op=1, hwsrc=victim.mac, psrc=me.ip4, pdst=other.ip4),
            ),
            f"sends with the MAC address of {name}": (
                *(victim.mac, EVERYBODY),
                ARP(op=1, hwsrc=victim.mac, psrc=victim.ip4, pdst=other.ip4),
            ),
            f"probes {name}": (
                *(me.mac, EVERYBODY),
                ARP(op=1, hwsrc=me.mac, psrc="0.0.0.0", pdst=victim.ip4),  # noqa: S104
            ),
        }
    claims |= {
        "RARP": (me.mac, EVERYBODY, ARP(op=3, hwsrc=me.mac, psrc=me.ip4, hwdst=neighbour.mac)),
        "of long addresses": (
            *(me.mac, EVERYBODY),
            ARP(op=1, hwlen=8, hwsrc=me.mac, psrc=gateway.ip4, pdst=neighbour.ip4),
        ),
        "of another network type": (
            *(me.mac, EVERYBODY),
            ARP(op=1, hwtype=6, hwsrc=me.mac, psrc=gateway.ip4, pdst=neighbour.ip4),
        ),
    }
    for name, (source, target, packet) in claims.items():
        mark = token()
        yield Attack(f"ARP {name}", bytes(plain(source, target, packet / Raw(mark))), mark)
    for envelope in _TAGS:
        mark = token()
        packet = ARP(op=1, hwsrc=me.mac, psrc=gateway.ip4, pdst=gateway.ip4) / Raw(mark)
        frame = ENVELOPES[envelope](me.mac, EVERYBODY, packet)
        yield Attack(f"ARP announces the gateway {envelope}", bytes(frame), mark)


def discovery(scene: Scene) -> Iterator[Attack]:
    """Yield neighbour discovery that claims an address, and what only routers may send."""
    me, gateway, neighbour = scene.me, scene.gateway, scene.neighbour
    mine = ICMPv6NDOptDstLLAddr(lladdr=me.mac)
    advert = IPv6(src=me.local, dst=ALL_NODES, hlim=255)
    packets: dict[str, tuple[str, Packet]] = {}
    for name, victim, other in (
        ("the gateway", gateway, neighbour),
        ("a neighbour", neighbour, gateway),
    ):
        solicited = IPv6(src=victim.ip6, dst=other.ip6, hlim=255)
        packets |= {
            f"advertises {name}": (
                ALL_NODES_MAC,
                advert / ICMPv6ND_NA(R=0, S=0, O=1, tgt=victim.ip6) / mine,
            ),
            f"advertises {name}'s link": (
                ALL_NODES_MAC,
                advert / ICMPv6ND_NA(R=0, S=0, O=1, tgt=victim.local) / mine,
            ),
            f"answers for {name}": (
                other.mac,
                solicited / ICMPv6ND_NA(R=0, S=1, O=1, tgt=victim.ip6) / mine,
            ),
            f"asks as {name}": (
                other.mac,
                solicited / ICMPv6ND_NS(tgt=other.ip6) / ICMPv6NDOptSrcLLAddr(lladdr=me.mac),
            ),
            f"claims {name}'s address while it is checked": (
                ALL_NODES_MAC,
                IPv6(src="::", dst=ALL_NODES, hlim=255) / ICMPv6ND_NS(tgt=victim.ip6),
            ),
            f"advertises itself at {name}'s MAC address": (
                ALL_NODES_MAC,
                advert
                / ICMPv6ND_NA(R=0, S=0, O=1, tgt=me.local)
                / ICMPv6NDOptDstLLAddr(lladdr=victim.mac),
            ),
            f"asks with {name}'s MAC address": (
                other.mac,
                IPv6(src=me.ip6, dst=other.ip6, hlim=255)
                / ICMPv6ND_NS(tgt=other.ip6)
                / ICMPv6NDOptSrcLLAddr(lladdr=victim.mac),
            ),
        }
    for name, source in (("itself", me.local), ("the gateway", gateway.local)):
        router = IPv6(src=source, dst=ALL_NODES, hlim=255)
        prefix = ICMPv6NDOptPrefixInfo(prefix="2001:db8:bad::", prefixlen=64)
        packets |= {
            f"is a router as {name}": (
                ALL_NODES_MAC,
                router / ICMPv6ND_RA(routerlifetime=1800) / prefix,
            ),
            f"redirects as {name}": (
                neighbour.mac,
                IPv6(src=source, dst=neighbour.ip6, hlim=255)
                / ICMPv6ND_Redirect(tgt=me.local, dst=scene.outside.ip6)
                / mine,
            ),
        }
    packets["looks for routers with the gateway's MAC address"] = (
        "33:33:00:00:00:02",
        IPv6(src=me.local, dst="ff02::2", hlim=255)
        / ICMPv6ND_RS()
        / ICMPv6NDOptSrcLLAddr(lladdr=gateway.mac),
    )
    for name, (target, packet) in packets.items():
        yield _of_packet(f"ND {name}", plain(me.mac, target, packet))
    yield from _hidden_discovery(scene)


def _hidden_discovery(scene: Scene) -> Iterator[Attack]:
    """Yield an advertisement of the gateway's address in tags, fragments and behind headers."""
    me = scene.me
    base = IPv6(src=me.local, dst=ALL_NODES, hlim=255)
    mine = ICMPv6NDOptDstLLAddr(lladdr=me.mac)
    for kind, body in (
        ("advertises the gateway", ICMPv6ND_NA(R=0, S=0, O=1, tgt=scene.gateway.ip6) / mine),
        ("is a router", ICMPv6ND_RA(routerlifetime=1800)),
    ):
        for envelope in _TAGS:
            packet = base / body
            frame = ENVELOPES[envelope](me.mac, ALL_NODES_MAC, packet)
            yield _of_packet(f"ND {kind} {envelope}", frame)
        for name, extend in EXTENSIONS.items():
            # The later fragments of a forbidden packet are worth nothing without the first.
            first = extend(base / body)[0]
            yield _of_packet(f"ND {kind} {name}", plain(me.mac, ALL_NODES_MAC, first))


def services(scene: Scene) -> Iterator[Attack]:
    """Yield what only servers and routers of a network send: DHCP, redirects, queries."""
    me, neighbour = scene.me, scene.neighbour
    offer = BOOTP(op=2, yiaddr="192.0.2.9", siaddr=me.ip4, chaddr=bytes(6))
    offer /= DHCP(options=[("message-type", "offer"), ("router", me.ip4), "end"])
    for port in (67, 1067):
        packet = IP(src=me.ip4, dst="255.255.255.255") / UDP(sport=port, dport=68) / offer
        yield _of_packet(f"DHCP offer from port {port}", plain(me.mac, EVERYBODY, packet))
        unicast = IP(src=me.ip4, dst=neighbour.ip4) / UDP(sport=port, dport=68) / offer
        frame = plain(me.mac, neighbour.mac, unicast)
        yield _of_packet(f"DHCP offer to a neighbour from port {port}", frame)
    reply = IPv6(src=me.local, dst=neighbour.local) / UDP(sport=547, dport=546) / DHCP6_Reply()
    yield _of_packet("DHCPv6 reply", plain(me.mac, neighbour.mac, reply))
    query = IPv6(src=me.local, dst=ALL_NODES, hlim=1) / ICMPv6MLQuery()
    yield _of_packet("MLD query", plain(me.mac, ALL_NODES_MAC, query))
    hosts = "01:00:5e:00:00:01"
    membership = IP(src=me.ip4, dst="224.0.0.1", ttl=1, proto=2)
    packet = membership / Raw(b"\x11\x64\xee\x9b\0\0\0\0")
    yield _of_packet("IGMP query", plain(me.mac, hosts, packet))
    packet = IP(src=me.ip4, dst="224.0.0.1", ttl=1) / ICMP(type=9) / Raw(bytes(8))
    yield _of_packet("ICMP router", plain(me.mac, hosts, packet))
    inner = IP(src=neighbour.ip4, dst=scene.outside.ip4) / UDP()
    packet = IP(src=me.ip4, dst=neighbour.ip4) / ICMP(type=5, code=1, gw=me.ip4) / inner
    yield _of_packet("ICMP redirect", plain(me.mac, neighbour.mac, packet))


def other_ethertypes(scene: Scene) -> Iterator[Attack]:
    """Yield frames of protocols that have no business with a container."""
    for name, target, ethertype in (
        ("LLDP", "01:80:c2:00:00:0e", 0x88CC),
        ("LACP", "01:80:c2:00:00:02", 0x8809),
        ("EAPOL", "01:80:c2:00:00:03", 0x888E),
        ("PTP", "01:1b:19:00:00:00", 0x88F7),
        ("MACsec", EVERYBODY, 0x88E5),
        ("an experiment", EVERYBODY, 0x88B5),
        ("RARP", EVERYBODY, 0x8035),
        ("PPPoE discovery", EVERYBODY, 0x8863),
        ("a bridge's own (STP)", "01:80:c2:00:00:00", 38),
    ):
        mark = token()
        frame = Ether(src=scene.me.mac, dst=target, type=ethertype) / Raw(mark + bytes(40))
        yield Attack(f"a frame of {name}", bytes(frame), mark)


def _of_packet(name: str, frame: Packet) -> Attack:
    """Return an attack whose needle is the whole packet, which has no room for a payload.

    A number in its header, which nothing looks at, makes the packet one of its kind.
    """
    packet = frame[IPv6] if IPv6 in frame else frame[IP]
    if isinstance(packet, IPv6):
        packet.fl = next(_numbers)
    else:
        packet.id = next(_numbers)
    return Attack(name, bytes(frame), bytes(packet))
