"""Floods: frames by the thousand, each of which costs the host something that it keeps."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from itertools import cycle

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from tests.e2e.support.hostile.envelopes import plain
from tests.e2e.support.hostile.scene import Party, Scene

_OCTET, _PORTS = 256, 60_000


def mac_addresses(scene: Scene, number: int) -> Iterator[bytes]:
    """Yield broadcasts, each from another MAC address, which a bridge would learn."""
    frame = bytes(plain(scene.me.mac, "ff:ff:ff:ff:ff:ff", IP(src=scene.me.ip4) / UDP()))
    for place in range(number):
        yield frame[:6] + (0x02EE00000000 + place).to_bytes(6) + frame[12:]


def handshakes(scene: Scene, number: int) -> Iterator[bytes]:
    """Yield TCP handshakes of which the tenant forges both ends: entries that last for days."""
    for place in range(number):
        near = str(ip_address("198.18.0.0") + place)
        far, port = scene.outside.ip4, 1024 + place % _PORTS
        for packet in (
            IP(src=near, dst=far) / TCP(sport=port, dport=80, flags="S", seq=1),
            IP(src=far, dst=near) / TCP(sport=80, dport=port, flags="SA", seq=1, ack=2),
            IP(src=near, dst=far) / TCP(sport=port, dport=80, flags="A", seq=2, ack=2),
        ):
            yield _to_gateway(scene, packet)


def own_connections(scene: Scene, number: int, version: int) -> Iterator[bytes]:
    """Yield the first packets of connections from the tenant's own address, half of them UDP."""
    for place in range(number):
        body = (UDP, TCP)[place % 2](sport=1024 + place % _PORTS, dport=1 + place // _PORTS)
        yield _to_gateway(scene, _own(scene, scene.outside, version) / body)


def ended_connections(scene: Scene, number: int, version: int, port: int) -> Iterator[bytes]:
    """Yield connections to a port of the gateway, which the tenant's own kernel resets."""
    for place in range(number):
        body = TCP(sport=1024 + place % _PORTS, dport=port)
        yield _to_gateway(scene, _own(scene, scene.gateway, version) / body)


def from_mac_addresses(frames: Iterator[bytes], macs: Iterable[str]) -> Iterator[bytes]:
    """Yield frames, each from the next of some MAC addresses."""
    for frame, mac in zip(frames, cycle(macs), strict=False):
        yield frame[:6] + bytes.fromhex(mac.replace(":", "")) + frame[12:]


def _own(scene: Scene, to: Party, version: int) -> Packet:
    if version == 4:
        return IP(src=scene.me.ip4, dst=to.ip4)
    return IPv6(src=scene.me.ip6, dst=to.ip6)


def _to_gateway(scene: Scene, packet: Packet) -> bytes:
    return bytes(plain(scene.me.mac, scene.gateway.mac, packet))
