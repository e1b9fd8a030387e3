"""Packets of SCTP, written and read by hand: a kernel without SCTP forwards them all the same."""

import socket
import struct
from ipaddress import ip_address

from tests.drivers.linux.support.topology import FAMILIES, Topology

_COMMON = struct.Struct("!HHII")  # source port, destination port, tag, checksum
_INIT = struct.Struct("!BBHIIHHI")  # type, flags, length, tag, window, streams out and in, TSN
_PORT_OF_CLIENT = 40000
_TABLE = [0] * 256
for _byte in range(256):
    _rest = _byte
    for _ in range(8):
        _rest = (_rest >> 1) ^ (0x82F63B78 if _rest & 1 else 0)
    _TABLE[_byte] = _rest


def _crc32c(data: bytes) -> int:
    """Source: RFC 9260, appendix A."""
    rest = 0xFFFFFFFF
    for byte in data:
        rest = (rest >> 8) ^ _TABLE[(rest ^ byte) & 0xFF]
    return rest ^ 0xFFFFFFFF


def init(source: int, destination: int) -> bytes:
    """Write the packet that asks for an association. Source: RFC 9260, 3.3.2."""
    chunk = _INIT.pack(1, 0, _INIT.size, 0x12345678, 65536, 1, 1, 1)
    empty = _COMMON.pack(source, destination, 0, 0) + chunk
    checksum = int.from_bytes(struct.pack("<I", _crc32c(empty)))
    return _COMMON.pack(source, destination, 0, checksum) + chunk


def answer_to_init(
    topology: Topology, client: str, to: tuple[str, int], box: str
) -> tuple[str, int]:
    """Send an INIT; return whose it is for the box that it comes to, and at which port."""
    family = FAMILIES[ip_address(to[0]).version]
    with topology.namespaces[box].entered():
        theirs = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_SCTP)
    with topology.namespaces[client].entered():
        ours = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_SCTP)
    with theirs, ours:
        theirs.settimeout(5)
        ours.sendto(init(_PORT_OF_CLIENT, to[1]), (to[0], 0))
        packet, (address, *_) = theirs.recvfrom(1500)
        payload = packet[20:] if family == socket.AF_INET else packet
        source, port, *_ = _COMMON.unpack_from(payload)
        assert source == _PORT_OF_CLIENT
        assert payload[_COMMON.size] == 1  # an INIT
        return str(address), port
