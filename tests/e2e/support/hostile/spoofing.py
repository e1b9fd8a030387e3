"""IP packets from addresses that are not the tenant's own."""

from collections.abc import Iterator
from itertools import count

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Packet, Raw

from tests.e2e.support.hostile.envelopes import (
    ENVELOPES,
    EXTENSIONS,
    cut,
    plain,
    with_options,
)
from tests.e2e.support.hostile.scene import Attack, Scene

PORT = 4711  # the host listens there
_numbers = count(1)


def token() -> bytes:
    """Return a payload that no other frame of this process has."""
    return b"mynet-hostile-%06d|" % next(_numbers)


def _sources4(scene: Scene) -> dict[str, str]:
    return {
        "a neighbour": scene.neighbour.ip4,
        "the gateway": scene.gateway.ip4,
        "another network": scene.stranger.ip4,
        "the host": scene.uplink.ip4,
        "the LAN": scene.uplink.ip4.rsplit(".", 1)[0] + ".77",
        "anywhere": "8.8.8.8",
        "loopback": "127.0.0.2",
        "metadata": "169.254.169.254",
        "nowhere": "0.0.0.0",  # noqa: S104 - a source address
        "broadcast": "255.255.255.255",
        "a group": "224.0.0.1",
    }


def _sources6(scene: Scene) -> dict[str, str]:
    return {
        "a neighbour": scene.neighbour.ip6,
        "a neighbour's link": scene.neighbour.local,
        "the gateway": scene.gateway.ip6,
        "the gateway's link": scene.gateway.local,
        "another network": scene.stranger.ip6,
        "the LAN": "2001:db8::77",
        "anywhere": "2606:4700::1111",
        "loopback": "::1",
        "nowhere": "::",
        "mapped IPv4": f"::ffff:{scene.neighbour.ip4}",
        "a group": "ff02::1",
    }


def forged_sources(scene: Scene) -> Iterator[Attack]:
    """Yield a datagram from each forged source to the host, to the outside and to a neighbour."""
    for version, sources in ((4, _sources4(scene)), (6, _sources6(scene))):
        layer = IP if version == 4 else IPv6
        for name, source in sources.items():
            for where, party, target in (
                ("the host", scene.gateway, scene.gateway.mac),
                ("the outside", scene.outside, scene.gateway.mac),
                ("a neighbour", scene.neighbour, scene.neighbour.mac),
            ):
                mark = token()
                packet = layer(src=source, dst=party.ip4 if version == 4 else party.ip6)
                packet /= UDP(sport=53, dport=PORT) / Raw(mark)
                yield Attack(
                    f"IPv{version} from {name} to {where}",
                    bytes(plain(scene.me.mac, target, packet)),
                    mark,
                )


def loopback(scene: Scene) -> Iterator[Attack]:
    """Yield datagrams from loopback addresses, to all addresses of the host."""
    for source in ("127.0.0.1", "127.0.0.2"):
        for target in ("127.0.0.1", scene.gateway.ip4, scene.uplink.ip4):
            mark = token()
            packet = IP(src=source, dst=target) / UDP(sport=53, dport=PORT) / Raw(mark)
            frame = bytes(plain(scene.me.mac, scene.gateway.mac, packet))
            yield Attack(f"from {source} to {target}", frame, mark)
    for target in ("::1", scene.gateway.ip6, scene.uplink.ip6):
        mark = token()
        packet6 = IPv6(src="::1", dst=target) / UDP(sport=53, dport=PORT) / Raw(mark)
        frame = bytes(plain(scene.me.mac, scene.gateway.mac, packet6))
        yield Attack(f"from ::1 to {target}", frame, mark)


def forged_macs(scene: Scene) -> Iterator[Attack]:
    """Yield datagrams with the tenant's own addresses, and with another MAC address."""
    for name, mac in (
        ("a neighbour", scene.neighbour.mac),
        ("the gateway", scene.gateway.mac),
        ("nobody", "02:66:6f:6f:00:01"),
        ("everybody", "ff:ff:ff:ff:ff:ff"),
        ("a group", "01:00:5e:00:00:01"),
    ):
        for version, layer in ((4, IP), (6, IPv6)):
            mark = token()
            source, target = (
                (scene.me.ip4, scene.gateway.ip4)
                if version == 4
                else (scene.me.ip6, scene.gateway.ip6)
            )
            packet = layer(src=source, dst=target) / UDP(sport=53, dport=PORT) / Raw(mark)
            frame = bytes(plain(mac, scene.gateway.mac, packet))
            yield Attack(f"IPv{version} with the MAC address of {name}", frame, mark)


def wrapped(scene: Scene) -> Iterator[Attack]:
    """Yield a forged datagram in every envelope, to the host."""
    for name, envelope in ENVELOPES.items():
        for version, layer in ((4, IP), (6, IPv6)):
            mark = token()
            source, target = (
                (scene.neighbour.ip4, scene.gateway.ip4)
                if version == 4
                else (scene.neighbour.ip6, scene.gateway.ip6)
            )
            packet = layer(src=source, dst=target) / UDP(sport=53, dport=PORT) / Raw(mark)
            frame = bytes(envelope(scene.me.mac, scene.gateway.mac, packet))
            yield Attack(f"forged IPv{version} {name}", frame, mark)


def protocols(scene: Scene) -> Iterator[Attack]:
    """Yield a forged packet of each protocol, and datagrams in fragments and behind headers."""
    for version, layer in ((4, IP), (6, IPv6)):
        source, target = (
            (scene.neighbour.ip4, scene.gateway.ip4)
            if version == 4
            else (scene.neighbour.ip6, scene.gateway.ip6)
        )
        base = layer(src=source, dst=target)
        for name, body in _bodies(version):
            mark = token()
            yield _attack(f"forged {name} over IPv{version}", scene, base / body / Raw(mark), mark)
    mark = token()
    packet = IP(src=scene.neighbour.ip4, dst=scene.gateway.ip4, id=77) / UDP(dport=PORT)
    packet /= Raw(mark + bytes(60))
    yield _attack("forged IPv4 with a source route", scene, with_options(packet), mark)
    for number, part in enumerate(cut(packet)):
        yield _attack(f"forged IPv4, fragment {number}", scene, part, bytes(part)[12:])
    for name, extend in EXTENSIONS.items():
        mark = token()
        packet6 = IPv6(src=scene.neighbour.ip6, dst=scene.gateway.ip6) / UDP(dport=PORT) / Raw(mark)
        for number, part in enumerate(extend(packet6)):
            yield _attack(f"forged IPv6 {name}, {number}", scene, part, bytes(part)[8:])


def _bodies(version: int) -> Iterator[tuple[str, Packet]]:
    yield "TCP SYN", TCP(sport=1024, dport=PORT, flags="S")
    yield "TCP ACK", TCP(sport=1024, dport=PORT, flags="A")
    yield "TCP RST", TCP(sport=1024, dport=PORT, flags="R")
    if version == 4:
        yield "ICMP echo", ICMP(type=8)
        yield "GRE", Raw(b"\0\0\x08\0")
    else:
        yield "ICMPv6 echo", ICMPv6EchoRequest()


def _attack(name: str, scene: Scene, packet: Packet, needle: bytes) -> Attack:
    return Attack(name, bytes(plain(scene.me.mac, scene.gateway.mac, packet)), needle)
