"""Frames that a tenant has every right to send, from its own MAC address and addresses."""

from collections.abc import Iterator

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Solicit
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrHopByHop,
    RouterAlert,
)
from scapy.layers.l2 import ARP, GRE
from scapy.layers.sctp import SCTP, SCTPChunkInit
from scapy.packet import Packet, Raw

from tests.e2e.support.hostile.envelopes import EXTENSIONS, cut, plain
from tests.e2e.support.hostile.scene import Attack as Frame
from tests.e2e.support.hostile.scene import Party, Scene
from tests.e2e.support.hostile.spoofing import token

_EVERYBODY, _NOWHERE = "ff:ff:ff:ff:ff:ff", "0.0.0.0"  # noqa: S104 - an address in packets
# Hosts drop a packet whose first fragment lacks the header of its protocol (RFC 7112).
NOT_WHOLE = {"behind options in two fragments"}
_MINE = ICMPv6NDOptDstLLAddr


def to_all(scene: Scene) -> Iterator[Frame]:
    """Yield broadcasts and multicasts, which the host and every neighbour receive."""
    me = scene.me
    for name, address, ports in (
        ("a broadcast", "255.255.255.255", (5000, 5000)),
        ("a broadcast to the subnet", "10.88.0.255", (5000, 5000)),
        ("multicast DNS", "224.0.0.251", (5353, 5353)),
        ("SSDP", "239.255.255.250", (50000, 1900)),
    ):
        packet = IP(src=me.ip4, dst=address) / UDP(sport=ports[0], dport=ports[1])
        yield _marked(name, me, _group4(address), packet)
    yield _marked("VRRP", me, _group4("224.0.0.18"), IP(src=me.ip4, dst="224.0.0.18", proto=112))
    yield _marked("OSPF", me, _group4("224.0.0.5"), IP(src=me.ip4, dst="224.0.0.5", proto=89))
    for name, source in (("its address", me.ip4), ("no address", _NOWHERE)):
        packet = IP(src=source, dst="224.0.0.22", ttl=1, proto=2) / Raw(b"\x22\0\xdd\xff\0\0\0\0")
        yield _whole(f"an IGMP report from {name}", me, _group4("224.0.0.22"), packet)
    discover = BOOTP(chaddr=bytes.fromhex(me.mac.replace(":", "")), xid=7)
    discover /= DHCP(options=[("message-type", "discover"), "end"])
    packet = IP(src=_NOWHERE, dst="255.255.255.255") / UDP(sport=68, dport=67) / discover
    yield _marked("a DHCP client without an address", me, _EVERYBODY, packet)
    for name, claim in (
        ("announces itself", ARP(op=1, hwsrc=me.mac, psrc=me.ip4, pdst=me.ip4)),
        ("answers to all", ARP(op=2, hwsrc=me.mac, psrc=me.ip4, hwdst=me.mac, pdst=me.ip4)),
        ("checks its address", ARP(op=1, hwsrc=me.mac, psrc=_NOWHERE, pdst=me.ip4)),
        ("asks for the gateway", ARP(op=1, hwsrc=me.mac, psrc=me.ip4, pdst=scene.gateway.ip4)),
    ):
        yield _marked(f"ARP that {name}", me, _EVERYBODY, claim)
    yield from _to_all6(scene)


def _to_all6(scene: Scene) -> Iterator[Frame]:
    me = scene.me
    link = IPv6(src=me.local, dst="ff02::1", hlim=255)
    nodes, own = "33:33:00:00:00:01", ICMPv6NDOptSrcLLAddr(lladdr=me.mac)
    for address in (me.ip6, me.local):
        advert = ICMPv6ND_NA(R=0, S=0, O=1, tgt=address) / _MINE(lladdr=me.mac)
        yield _whole(f"ND that announces {address}", me, nodes, link / advert)
        check = IPv6(src="::", dst="ff02::1", hlim=255) / ICMPv6ND_NS(tgt=address)
        yield _whole(f"ND that checks {address}", me, nodes, check)
    ask = IPv6(src=me.ip6, dst="ff02::1", hlim=255) / ICMPv6ND_NS(tgt=scene.gateway.ip6) / own
    yield _whole("ND that asks for the gateway", me, nodes, ask)
    routers = IPv6(src=me.local, dst="ff02::2", hlim=255) / ICMPv6ND_RS() / own
    yield _whole("ND that looks for routers", me, "33:33:00:00:00:02", routers)
    for name, source in (("its address", me.local), ("no address", "::")):
        report = IPv6(src=source, dst="ff02::16", hlim=1)
        report /= IPv6ExtHdrHopByHop(options=[RouterAlert()]) / ICMPv6MLReport2()
        yield _whole(f"an MLD report from {name}", me, "33:33:00:00:00:16", report)
    packet = IPv6(src=me.local, dst="ff02::fb") / UDP(sport=5353, dport=5353)
    yield _marked("multicast DNS over IPv6", me, "33:33:00:00:00:fb", packet)
    packet = IPv6(src=me.local, dst="ff02::1:2") / UDP(sport=546, dport=547) / DHCP6_Solicit()
    yield _marked("a DHCPv6 client", me, "33:33:00:01:00:02", packet)


def to_one(scene: Scene, target: Party) -> Iterator[Frame]:
    """Yield packets of all protocols to one station of the network."""
    me = scene.me
    inner = IP(src="192.168.7.1", dst="192.168.7.2") / UDP(sport=9, dport=9)
    four, six = IP(src=me.ip4, dst=target.ip4), IPv6(src=me.ip6, dst=target.ip6)
    alert = IP(src=me.ip4, dst=target.ip4, options=[IPOption_Router_Alert()])
    for base, version in ((four, 4), (six, 6)):
        for name, packet in (
            ("UDP", base / UDP(sport=9, dport=9)),
            ("TCP", base / TCP(sport=1024, dport=80, flags="S")),
            ("GRE", base / GRE() / inner),
            ("ESP", _of_protocol(base, 50)),
            ("IP in IP", base / inner),
        ):
            yield _marked(f"{name} over IPv{version}", me, target.mac, packet)
        packet = base / SCTP(sport=9, dport=9) / SCTPChunkInit(init_tag=1)
        yield _whole(f"SCTP over IPv{version}", me, target.mac, packet)
    for name, packet in (
        ("ICMP echo", four / ICMP(type=8)),
        ("IPv4 with an option", alert / UDP(sport=9, dport=9)),
        ("a DHCP client that renews", four / UDP(sport=68, dport=67)),
        ("ICMPv6 echo", six / ICMPv6EchoRequest()),
        ("UDP from its link", IPv6(src=me.local, dst=target.local) / UDP(sport=9, dport=9)),
    ):
        yield _marked(name, me, target.mac, packet)
    reply = ARP(op=2, hwsrc=me.mac, psrc=me.ip4, hwdst=target.mac, pdst=target.ip4)
    yield _marked("ARP that answers", me, target.mac, reply)
    answer = ICMPv6ND_NA(R=0, S=1, O=1, tgt=me.ip6) / _MINE(lladdr=me.mac)
    yield _whole("ND that answers", me, target.mac, IPv6(src=me.ip6, dst=target.ip6) / answer)
    # Where frames pass the host's firewall, the kernel joins fragments and cuts them again.
    marks = b"".join(token() for _ in range(4))
    for number, part in enumerate(cut(four / UDP(sport=9, dport=9) / Raw(marks))):
        frame = bytes(plain(me.mac, target.mac, part))
        yield Frame(f"IPv4 fragment {number}", frame, bytes(part.payload))
    for name, extend in EXTENSIONS.items():
        if name in NOT_WHOLE:
            continue
        for number, part in enumerate(extend(six / UDP(sport=9, dport=9) / Raw(token()))):
            frame = bytes(plain(me.mac, target.mac, part))
            yield Frame(f"IPv6 {name}, {number}", frame, bytes(part.lastlayer()))


def errors(scene: Scene, target: Party) -> Iterator[Frame]:
    """Yield ICMP errors. They belong to no connection, so no firewall has to forward them."""
    four, six = (
        IP(src=scene.me.ip4, dst=target.ip4),
        IPv6(src=scene.me.ip6, dst=target.ip6),
    )
    for name, packet in (
        ("ICMP unreachable", four / ICMP(type=3, code=3)),
        ("ICMP time exceeded", four / ICMP(type=11)),
        ("ICMPv6 too big", six / ICMPv6PacketTooBig(mtu=1280)),
    ):
        yield _marked(name, scene.me, target.mac, packet)


def _of_protocol(base: Packet, number: int) -> Packet:
    packet = base.copy()
    setattr(packet, "proto" if isinstance(packet, IP) else "nh", number)
    return packet


def _group4(address: str) -> str:
    last = [int(octet) for octet in address.split(".")]
    if last[0] == 255 or last[3] == 255:
        return _EVERYBODY
    return f"01:00:5e:{last[1] & 127:02x}:{last[2]:02x}:{last[3]:02x}"


def _marked(name: str, me: Party, target: str, packet: Packet) -> Frame:
    mark = token()
    return Frame(name, bytes(plain(me.mac, target, packet / Raw(mark))), mark)


def _whole(name: str, me: Party, target: str, packet: Packet) -> Frame:
    """Return a frame whose needle is the whole packet, from its source on."""
    data = bytes(packet)
    needle = data[12:] if data[0] >> 4 == 4 else data[8:]
    return Frame(name, bytes(plain(me.mac, target, packet)), needle)
