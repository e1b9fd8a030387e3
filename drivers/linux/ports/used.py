"""The ports at which programs of the host, and the kernel itself, receive."""

import errno
import socket
from collections.abc import Iterator
from ipaddress import IPv6Address

from mynet.drivers.api import IPV4, IPV6, PortProtocol
from mynet.drivers.linux.netlink import socket_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.socket_requests import BoundSocket
from mynet.drivers.linux.values.ports import UsedPort

# A socket of UDP receives once it is bound. One of the others needs to listen.
_RECEIVING = (
    (PortProtocol.UDP, socket.IPPROTO_UDP, None),
    (PortProtocol.TCP, socket.IPPROTO_TCP, socket_requests.TCP_LISTEN),
    (PortProtocol.SCTP, socket.IPPROTO_SCTP, socket_requests.TCP_LISTEN),
)
# A kernel without the protocol, or without sock_diag for it, lists no sockets.
_NOT_LISTED = frozenset({errno.ENOENT, errno.EINVAL, errno.EPROTONOSUPPORT})


def used_ports() -> frozenset[UsedPort]:
    """Return the ports at which sockets of the host receive packets from outside.

    The sockets by which this daemon reserves published ports of UDP are among them.
    Like: ``ss -Hlnutx``.
    """
    with Netlink(socket_requests.NETLINK_SOCK_DIAG) as nl:
        return frozenset(
            UsedPort(protocol, found.port, version)
            for protocol, number, state in _RECEIVING
            for family in (IPV4, IPV6)
            for reply in nl.dump(
                Request(
                    socket_requests.get_sockets(family, number, state),
                    f"list sockets of {protocol.name}",
                    "sockets",
                    _NOT_LISTED,
                )
            )
            for found in [socket_requests.read_socket(reply, family)]
            if found.port
            for version in _versions(found)
        )


def _versions(found: BoundSocket) -> Iterator[int]:
    """Yield the IP versions of the packets that a socket receives from outside the host."""
    address = found.address
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return
    yield address.version
    if address.version == IPV6 and address.is_unspecified and not found.is_v6_only:
        yield IPV4
