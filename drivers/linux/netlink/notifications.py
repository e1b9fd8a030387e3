"""Notifications of the kernel: the socket that receives them, and reading those of rtnetlink.

Sources: netlink(7), rtnetlink(7), linux/netconf.h, linux/netfilter/nfnetlink.h.
"""

import ctypes
import errno
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from mynet.drivers.linux.kernel_errors import refusals
from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.netlink.route_replies import read_bridge_port, read_port_of
from mynet.drivers.linux.values.bridge_port import BridgePort

# The number of the socket's own namespace, which has none among those of other namespaces.
OWN_NAMESPACE: Final = -1

RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR = 1, 5, 9
RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF = 24, 25
RTNLGRP_NEIGH: Final = 3
NFNLGRP_NFTABLES: Final = 7

_UNAGED: Final = rt.NUD_NOARP | rt.NUD_PERMANENT
# A filter for the kernel (classic BPF) that accepts what read_deleted_entry looks at. The group has
# the notifications of all neighbours too, hundreds a second on a large host, which would wake the
# reader. BPF reads numbers in network byte order, and netlink has them in the host's.
_LOAD_HALF, _LOAD_BYTE, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x28, 0x30, 0x15, 0x45, 0x06
_STATE_OFFSET: Final = nlmsg.HEADER_BYTES + 8  # of ndm_state
DELETED_ENTRIES: Final = (
    (_LOAD_HALF, 0, 0, 4),  # nlmsg_type
    (_IF_EQUAL, 0, 5, socket.htons(rt.RTM_DELNEIGH)),
    (_LOAD_BYTE, 0, 0, nlmsg.HEADER_BYTES),  # ndm_family
    (_IF_EQUAL, 0, 3, socket.AF_BRIDGE),
    (_LOAD_HALF, 0, 0, _STATE_OFFSET),
    (_IF_ANY_BIT, 0, 1, socket.htons(_UNAGED)),
    (_RETURN, 0, 0, 0xFFFFFFFF),
    (_RETURN, 0, 0, 0),
)

_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _NETLINK_LISTEN_ALL_NSID = 270, 1, 8
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 26, 33
_SOCK_FILTER = struct.Struct("@HBBI")  # code, jumps if true and if not, operand
_SOCK_FPROG = struct.Struct("@HP")  # the number of instructions, and where they are
_RECEIVE_BUFFER: Final = 8 << 20  # bytes for notifications not read yet; used only when needed
_MAX_DATAGRAMS: Final = 8192  # read at once; the rest is left for the next time
_DATAGRAM: Final = 1 << 16  # bytes
_ANCILLARY: Final = 64  # bytes

_NDA_MASTER: Final = 9
_NETCONFA_IFINDEX, _NETCONFA_FORWARDING, _NETCONFA_IFINDEX_ALL = 1, 2, -1
_NETCONFMSG_BYTES: Final = 4
_INT = struct.Struct("@i")
_FORWARDING_OFF = nla.attribute(_NETCONFA_IFINDEX, _INT.pack(_NETCONFA_IFINDEX_ALL))
_FORWARDING_OFF += nla.attribute(_NETCONFA_FORWARDING, _INT.pack(0))


class Notification(NamedTuple):
    """A message, and the number of the namespace that it is from."""

    namespace: int
    message: bytes


@dataclass(frozen=True, slots=True)
class LinkChange:
    """What a notification says of a link; 0 and "" stand for what the link does not have."""

    index: int
    alias: str
    is_gone: bool
    is_up: bool
    has_carrier: bool
    # The index of the bridge.
    master: int
    # How the bridge treats the link.
    port: BridgePort
    # The link group.
    group: int
    # The index of a veth's other end, and the namespace that it is in, None for the link's own.
    peer: int
    peer_namespace: int | None


class Subscription:
    """A socket that receives the notifications of some groups. For one thread at a time."""

    def __init__(self, protocol: int, *groups: int) -> None:
        with refusals("receive the kernel's notifications", "netlink"):
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol
            )
            self._socket.bind((0, 0))
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
            for group in groups:
                self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)

    def filter(self, program: Sequence[tuple[int, int, int, int]]) -> None:
        """Receive only what a program in classic BPF accepts: socket(7), SO_ATTACH_FILTER."""
        code = b"".join(_SOCK_FILTER.pack(*instruction) for instruction in program)
        buffer = ctypes.create_string_buffer(code)
        program_at = _SOCK_FPROG.pack(len(program), ctypes.addressof(buffer))
        with refusals("filter the kernel's notifications", "netlink"):
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program_at)

    def include_other_namespaces(self) -> None:
        """Receive from namespaces that have a number here; CAP_NET_BROADCAST is needed for it.

        Raises :exc:`PermissionError`.
        """
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID, 1)

    def fileno(self) -> int:
        """Return the descriptor, to poll."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def read(self) -> tuple[list[Notification], bool]:
        """Return the notifications that wait, and whether the kernel dropped others."""
        notifications: list[Notification] = []
        is_lossy = False
        for _ in range(_MAX_DATAGRAMS):
            try:
                data, ancillary, _, _ = self._socket.recvmsg(_DATAGRAM, _ANCILLARY)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                is_lossy = True
                continue
            namespace = _namespace(ancillary)
            notifications += [
                Notification(namespace, message) for _, message in nlmsg.split_datagram(data)
            ]
        return notifications, is_lossy


def _namespace(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Return the number of the namespace that a datagram is from."""
    for level, kind, data in ancillary:
        if (level, kind) == (_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID):
            (number,) = _INT.unpack(data)
            return int(number)
    return OWN_NAMESPACE


def read_link_change(message: bytes) -> LinkChange | None:
    """Read a notification of a link, or a reply; None for any other message."""
    kind = nlmsg.read_header(message).kind
    if kind not in (rt.RTM_NEWLINK, rt.RTM_DELLINK):
        return None
    family, _, index, flags, _ = rt.IFINFOMSG.unpack_from(message, nlmsg.HEADER_BYTES)
    if family:  # such a message is about the link as the port of a bridge
        return None
    attributes = nla.read_attributes(message, nlmsg.HEADER_BYTES + rt.IFINFOMSG.size)
    namespace = attributes.get(rt.IFLA_LINK_NETNSID)
    return LinkChange(
        index=index,
        alias=nla.read_text(attributes.get(rt.IFLA_IFALIAS)),
        is_gone=kind == rt.RTM_DELLINK,
        is_up=bool(flags & rt.IFF_UP),
        has_carrier=bool(flags & rt.IFF_LOWER_UP),
        master=nla.read_number(attributes.get(rt.IFLA_MASTER)),
        port=read_port_of(attributes),
        group=nla.read_number(attributes.get(rt.IFLA_GROUP)),
        peer=nla.read_number(attributes.get(rt.IFLA_LINK)),
        peer_namespace=None if namespace is None else _INT.unpack(namespace)[0],
    )


def read_port_change(message: bytes) -> tuple[int, BridgePort] | None:
    """Read a notification of a bridge about a port: the port's index, and how it is treated."""
    if nlmsg.read_header(message).kind != rt.RTM_NEWLINK:
        return None
    family, _, index, _, _ = rt.IFINFOMSG.unpack_from(message, nlmsg.HEADER_BYTES)
    if family != socket.AF_BRIDGE:
        return None
    attributes = nla.read_attributes(message, nlmsg.HEADER_BYTES + rt.IFINFOMSG.size)
    return index, read_bridge_port(nla.read_attributes(attributes.get(rt.IFLA_PROTINFO, b"")))


def read_deleted_entry(message: bytes) -> int | None:
    """Return the index of the port, or bridge, that lost an entry; None for any other message.

    The entries are those of a bridge's forwarding database that carry packets and do not age: a
    port's static ones, and the MAC address of the bridge itself.
    """
    if nlmsg.read_header(message).kind != rt.RTM_DELNEIGH:
        return None
    family, port, state, _, _ = rt.NDMSG.unpack_from(message, nlmsg.HEADER_BYTES)
    attributes = nla.read_attributes(message, nlmsg.HEADER_BYTES + rt.NDMSG.size)
    bridge = nla.read_number(attributes.get(_NDA_MASTER))
    is_own = state & rt.NUD_PERMANENT and port == bridge
    is_lost = family == socket.AF_BRIDGE and (state & rt.NUD_NOARP or is_own)
    return int(port) if is_lost else None


def read_deleted_address(message: bytes) -> int | None:
    """Return the index of the link that lost an address, None for any other message."""
    if nlmsg.read_header(message).kind != rt.RTM_DELADDR:
        return None
    index: int = rt.IFADDRMSG.unpack_from(message, nlmsg.HEADER_BYTES)[4]
    return index


def is_forwarding_turned_off(message: bytes) -> bool:
    """Return whether a notification says that the host forwards one IP version no longer."""
    is_netconf = nlmsg.read_header(message).kind == rt.RTM_NEWNETCONF
    return is_netconf and message[nlmsg.HEADER_BYTES + _NETCONFMSG_BYTES :] == _FORWARDING_OFF
