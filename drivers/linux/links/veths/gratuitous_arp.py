"""Announcing the MAC address of an address that may have had another before.

Neighbours that knew the address would send to its former MAC address for ten seconds and more.
``arp_notify`` of the kernel does not help: what an interface sends as it comes up, its port of the
bridge does not forward yet. So the daemon sends the announcements into the bridge, which floods
them to all other ports, just before the endpoint's own port comes up. Afterwards the sandbox would
receive an announcement of its own address, and the kernel would log a warning. The host itself does
not receive what it sends, so netlink corrects its neighbour table.
"""

import errno
import socket
import struct
import threading
import weakref
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from mynet.drivers.api import IPAddress
from mynet.drivers.linux.kernel_errors import refusals
from mynet.drivers.linux.netlink.addresses.neighbour_requests import change_neighbour
from mynet.drivers.linux.netlink.netlink_socket import Request
from mynet.drivers.linux.values.desired import Veth

_ETHERNET = struct.Struct("!6s6sH")  # destination, source, type
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_ADVERTISEMENT = struct.Struct("!BBHI16sBB6s")  # with one option, RFC 4861 4.4
_ETH_P_ARP, _ETH_P_IPV6 = 0x0806, 0x86DD
_BROADCAST, _ALL_NODES_MAC = b"\xff" * 6, bytes.fromhex("333300000001")
_ALL_NODES = IPv6Address("ff02::1").packed
_REQUEST, _NEIGHBOUR_ADVERTISEMENT, _OVERRIDE, _TARGET_MAC = 1, 136, 0x20000000, 2

# The kernel does not know the neighbour, or another program has turned IPv6 off on the bridge.
_NOT_A_NEIGHBOUR = frozenset({errno.ENOENT, errno.EINVAL})
_NO_CARRIER = frozenset({errno.ENETDOWN, errno.ENOBUFS})  # a bridge without ports that are up


class Announcer:
    """Sends frames from bridges of the namespace that it is first used in.

    It keeps one socket. Closing one takes 14 ms and more in one of ten cases, as the kernel waits
    until no other processor uses it. ``_lock`` guards its creation; sending needs no lock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def announce(self, veth: Veth) -> None:
        """Send every port of the bridge the MAC address of the endpoint's addresses.

        Like: ``arping -U -c 1 -I BRIDGE ADDRESS``; ``ndsend ADDRESS BRIDGE``.
        """
        doing = f"announce the addresses of {veth.interface} on {veth.bridge}"
        with refusals(doing, f"interface {veth.bridge}", capability="CAP_NET_RAW"):
            for address in veth.addresses:
                frame = announcement(address.ip, veth.mac)
                try:
                    self._opened().sendto(frame, (veth.bridge, 0))
                except OSError as error:
                    if error.errno not in _NO_CARRIER:
                        raise

    def close(self) -> None:
        """Close the socket."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = None

    def _opened(self) -> socket.socket:
        with self._lock:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                weakref.finalize(self, self._socket.close)
            return self._socket


def announcement(address: IPAddress, mac: str) -> bytes:
    """Return a frame: an ARP announcement (RFC 5227), or an unsolicited advertisement (RFC 4861).

    Both override what a receiver knows, and neither adds a neighbour that it does not know.
    """
    octets, own = bytes.fromhex(mac.replace(":", "")), address.packed
    if isinstance(address, IPv4Address):
        arp = _ARP.pack(1, 0x0800, 6, 4, _REQUEST, octets, own, bytes(6), own)
        return _ETHERNET.pack(_BROADCAST, octets, _ETH_P_ARP) + arp
    body = _advertisement(own, octets, 0)
    checksum = _checksum(own + _ALL_NODES + struct.pack("!II", len(body), 58) + body)
    header = _IPV6.pack(6 << 28, len(body), 58, 255, own, _ALL_NODES)
    ethernet = _ETHERNET.pack(_ALL_NODES_MAC, octets, _ETH_P_IPV6)
    return ethernet + header + _advertisement(own, octets, checksum)


def _advertisement(own: bytes, mac: bytes, checksum: int) -> bytes:
    return _ADVERTISEMENT.pack(
        *(_NEIGHBOUR_ADVERTISEMENT, 0, checksum, _OVERRIDE, own, _TARGET_MAC, 1, mac)
    )


def _checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def corrections(veth: Veth, bridge: int) -> Iterator[Request]:
    """Yield requests that correct the host's neighbour table; ``bridge`` is the bridge's index.

    Like: ``ip neigh change ADDRESS lladdr MAC dev BRIDGE nud stale``.
    """
    for address in veth.addresses:
        yield Request(
            change_neighbour(bridge, address.ip, veth.mac),
            f"correct the neighbour {address.ip} of {veth.bridge}",
            f"interface {veth.bridge}",
            _NOT_A_NEIGHBOUR,
        )
