"""A host that routes a multicast group, as a daemon such as pimd configures it."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from tests.drivers.linux.support.topology import FAMILIES

GROUP = {4: "239.1.2.3", 6: "ff0e::1:2:3"}

# Numbers and structures of linux/mroute.h and linux/mroute6.h; both use the same numbers.
_INIT, _ADD_INTERFACE, _ADD_ROUTE = 200, 202, 204
_VIF, _MIF = struct.Struct("@HBBIi4x"), struct.Struct("@HBBHI")
_BY_INDEX, _THRESHOLD = 8, 1
_ROUTE4, _ROUTE6 = struct.Struct("@4s4sH32s12xi"), struct.Struct("@28s28sH8I")
_SOCKADDR6 = struct.Struct("@HHI16sI")
_INPUT, _OUTPUT = 0, 1
_LEVELS = {4: socket.IPPROTO_IP, 6: socket.IPPROTO_IPV6}
_PROTOCOLS = {4: socket.IPPROTO_IGMP, 6: socket.IPPROTO_ICMPV6}


@contextmanager
def routed(source: str, came_by: str, leaves_by: str) -> Iterator[None]:
    """Route in this thread's namespace what a source sends to the group, during a block."""
    version = ip_address(source).version
    with socket.socket(FAMILIES[version], socket.SOCK_RAW, _PROTOCOLS[version]) as sock:
        sock.setsockopt(_LEVELS[version], _INIT, 1)
        for number, device in ((_INPUT, came_by), (_OUTPUT, leaves_by)):
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
    origin, group = (ip_address(address).packed for address in (source, GROUP[version]))
    if version == 4:
        thresholds = bytes([0, _THRESHOLD]) + bytes(30)  # the TTL that a packet needs, 0 for none
        return _ROUTE4.pack(origin, group, _INPUT, thresholds, 0)
    ends = (_SOCKADDR6.pack(socket.AF_INET6, 0, 0, address, 0) for address in (origin, group))
    return _ROUTE6.pack(*ends, _INPUT, 1 << _OUTPUT, *[0] * 7)


def join(sock: socket.socket, device: str) -> None:
    """Join the group on a device, with a socket of this thread's namespace."""
    index = socket.if_nametoindex(device)
    if sock.family == socket.AF_INET:
        group = struct.pack("@4s4si", ip_address(GROUP[4]).packed, bytes(4), index)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    else:
        group = struct.pack("@16sI", ip_address(GROUP[6]).packed, index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)


def set_hops(sock: socket.socket) -> None:
    """Set the hops of a socket, so that its multicast packets leave their link."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 8)
