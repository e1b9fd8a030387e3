"""Packets with any source, from raw sockets."""

import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

from tests.drivers.linux.support.namespaces import Namespace

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_TCP, _UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
_IPV6_HDRINCL = 36


def send_datagram(
    sender: Namespace, source: tuple[str, int], to: tuple[str, int], word: bytes
) -> None:
    """Send a UDP datagram with any source, along the sender's own routes."""
    _send(sender, datagram(source, to, word), to[0])


def send_frame(sender: Namespace, link: str, mac: str, payload: bytes) -> None:
    """Send an Ethernet frame with an IP packet to a MAC address."""
    kind = {4: 0x0800, 6: 0x86DD}[payload[0] >> 4]
    with sender.entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with sock:
        sock.bind((link, 0))
        sock.send(bytes.fromhex(mac) + sock.getsockname()[4] + kind.to_bytes(2) + payload)


def datagram(source: tuple[str, int], to: tuple[str, int], word: bytes) -> bytes:
    """Return an IP packet with a UDP datagram."""
    header = struct.pack("!HHHH", source[1], to[1], 8 + len(word), 0)
    checksum = _sum(_pseudo(source[0], to[0], _UDP, 8 + len(word)) + header + word) or 0xFFFF
    return packet(source[0], to[0], _UDP, header[:6] + struct.pack("!H", checksum) + word)


def send_segment(
    sender: Namespace, source: tuple[str, int], to: tuple[str, int], number: int, acknowledged: int
) -> None:
    """Send a TCP segment of one byte with any numbers, along the sender's own routes."""
    head = struct.pack("!HHIIBBHHH", *source[1:], *to[1:], number, acknowledged, 80, 16, 999, 0, 0)
    checksum = _sum(_pseudo(source[0], to[0], _TCP, 21) + head + b"!")
    segment = head[:16] + struct.pack("!H", checksum) + head[18:] + b"!"
    _send(sender, packet(source[0], to[0], _TCP, segment), to[0])


def send_icmp_error(
    sender: Namespace, source: str, to: str, kind: tuple[int, int], about: bytes, mtu: int = 0
) -> None:
    """Send an ICMP error, of a type and a code, about a packet. ``mtu`` is in bytes."""
    body = struct.pack("!BBHI", *kind, 0, mtu) + about[:512]
    if ip_address(to).version == 4:
        checksum, protocol = _sum(body), socket.IPPROTO_ICMP
    else:
        protocol = socket.IPPROTO_ICMPV6
        checksum = _sum(_pseudo(source, to, protocol, len(body)) + body)
    error = body[:2] + struct.pack("!H", checksum) + body[4:]
    _send(sender, packet(source, to, protocol, error), to)


def packet(source: str, to: str, protocol: int, payload: bytes) -> bytes:
    """Return an IP packet."""
    if ip_address(to).version == 4:
        fields = (0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0)
        head = struct.pack("!BBHHHBBH", *fields)
        addresses = IPv4Address(source).packed + IPv4Address(to).packed
        return head[:10] + struct.pack("!H", _sum(head + addresses)) + addresses + payload
    head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
    return head + IPv6Address(source).packed + IPv6Address(to).packed + payload


def _send(sender: Namespace, packet: bytes, to: str) -> None:
    version = ip_address(to).version
    with sender.entered():
        sock = socket.socket(_FAMILIES[version], socket.SOCK_RAW, socket.IPPROTO_RAW)
    with sock:
        if version == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_HDRINCL, 1)
        sock.sendto(packet, (to, 0))


def _pseudo(source: str, to: str, protocol: int, length: int) -> bytes:
    both = ip_address(source).packed + ip_address(to).packed
    if ip_address(to).version == 4:
        return both + struct.pack("!BBH", 0, protocol, length)
    return both + struct.pack("!IHBB", length, 0, 0, protocol)


def _sum(data: bytes) -> int:
    """Return the checksum of the internet protocols."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
