"""A host that routes a multicast group, as a daemon such as pimd has it do."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from tests.drivers.linux.support.topology import FAMILIES

GROUP = {4: "239.1.2.3", 6: "ff0e::1:2:3"}

# Numbers and structures of linux/mroute.h and linux/mroute6.h; both number their verbs alike.
_INIT, _ADD_INTERFACE, _ADD_ROUTE = 200, 202, 204
_VIF, _MIF = struct.Struct("@HBBIi4x"), struct.Struct("@HBBHI")
_BY_INDEX, _THRESHOLD = 8, 1
_ROUTE4, _ROUTE6 = struct.Struct("@4s4sH32s12xi"), struct.Struct("@28s28sH8I")
_SOCKADDR6 = struct.Struct("@HHI16sI")
_CAME_BY, _LEAVES_BY = 0, 1
_LEVELS = {4: socket.IPPROTO_IP, 6: socket.IPPROTO_IPV6}
_PROTOCOLS = {4: socket.IPPROTO_IGMP, 6: socket.IPPROTO_ICMPV6}


@contextmanager
def routed(source: str, came_by: str, leaves_by: str) -> Iterator[None]:
    """Have the namespace of this thread route what a source sends to the group."""
    version = ip_address(source).version
    with socket.socket(FAMILIES[version], socket.SOCK_RAW, _PROTOCOLS[version]) as sock:
        sock.setsockopt(_LEVELS[version], _INIT, 1)
        for number, device in ((_CAME_BY, came_by), (_LEAVES_BY, leaves_by)):
            index = socket.if_nametoindex(device)
            interface = (
                _VIF.pack(number, _BY_INDEX, _THRESHOLD, 0, index)
                if version == 4
                else _MIF.pack(number, 0, _THRESHOLD, index, 0)
            )
            sock.setsockopt(_LEVELS[version], _ADD_INTERFACE, interface)
        sock.setsockopt(_LEVELS[version], _ADD_ROUTE, _route(version, source))
        yield


def _route(version: int, source: str) -> bytes:
    origin, group = (ip_address(each).packed for each in (source, GROUP[version]))
    if version == 4:
        least = bytes([0, _THRESHOLD]) + bytes(30)  # TTL that a packet needs, 0 for none
        return _ROUTE4.pack(origin, group, _CAME_BY, least, 0)
    ends = (_SOCKADDR6.pack(socket.AF_INET6, 0, 0, each, 0) for each in (origin, group))
    return _ROUTE6.pack(*ends, _CAME_BY, 1 << _LEAVES_BY, *[0] * 7)


def join(sock: socket.socket, device: str) -> None:
    """Have a socket of this thread's namespace hear the group on a device."""
    index = socket.if_nametoindex(device)
    if sock.family == socket.AF_INET:
        group = struct.pack("@4s4si", ip_address(GROUP[4]).packed, bytes(4), index)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    else:
        group = struct.pack("@16sI", ip_address(GROUP[6]).packed, index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)


def set_hops(sock: socket.socket) -> None:
    """Let what a socket sends to a group go further than its own link."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 8)
