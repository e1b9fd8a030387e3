"""The rtnetlink messages that the verbs send, one function each; ``answers.py`` reads the answers.

Built with pyroute2's message classes: one costs 100-400 us of Python. This is the one module to
change should that ever be too much.
"""

import os
import socket
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv6Interface
from typing import Any

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from mynet.drivers.api import IPAddress, IPInterface
from mynet.drivers.linux.netlink.attributes import attribute
from mynet.drivers.linux.netlink.netlink_socket import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE
from mynet.drivers.linux.values.desired import Bridge, Veth, priority

Attributes = Sequence[tuple[str, object]]

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RT_TABLE_MAIN, RTPROT_RA = 254, 9

_HEADER = struct.Struct("@IHHII")  # nlmsghdr; the socket fills in the last two
_IFINFOMSG = struct.Struct("@BxHiII")
_INT = struct.Struct("@I")
_IFLA_IFNAME, _IFLA_EXT_MASK = 3, 29

_IFF_UP = 0x1
_IFA_F_NODAD = 0x02
_RTEXT_FILTER_SKIP_STATS = 8
_IN6_ADDR_GEN_MODE_NONE = 1
_RTPROT_STATIC, _RT_SCOPE_UNIVERSE, _RTN_UNICAST = 4, 0, 1
_NEW = NLM_F_CREATE | NLM_F_EXCL

_POINT_TO_POINT = 31  # a prefix of that length has no broadcast address (RFC 3021)
_FAMILY = {4: int(socket.AF_INET), 6: int(socket.AF_INET6)}

# Sandboxes are alike: their inner end mostly has index 2, and a network's routes are all the same.
_remembered = lru_cache(maxsize=1024)


def encode(
    layout: Any,  # noqa: ANN401 - a message class of pyroute2, which has no types
    kind: int,
    flags: int,
    fields: Mapping[str, int],
    attributes: Attributes,
) -> bytes:
    """Build a message; its sequence number and the flags of asking are the socket's to set."""
    message = layout()
    message["header"]["type"] = kind
    message["header"]["flags"] = flags
    message.update(fields)
    message["attrs"] = list(attributes)
    message.encode()
    return bytes(message.data)


def _set_link(index: int, attributes: Attributes, *, up: bool = False) -> bytes:
    flags = {"flags": _IFF_UP, "change": _IFF_UP} if up else {}
    return encode(ifinfmsg, RTM_SETLINK, 0, {"index": index, **flags}, attributes)


def _kind(kind: str, data: Attributes = ()) -> tuple[str, object]:
    info: list[tuple[str, object]] = [("IFLA_INFO_KIND", kind)]
    if data:
        info.append(("IFLA_INFO_DATA", {"attrs": list(data)}))
    return ("IFLA_LINKINFO", {"attrs": info})


def new_bridge(bridge: Bridge) -> bytes:
    """Like: ip link add NAME address MAC type bridge."""
    attributes = (("IFLA_IFNAME", bridge.name), ("IFLA_ADDRESS", bridge.mac), _kind("bridge"))
    return encode(ifinfmsg, RTM_NEWLINK, _NEW, {}, attributes)


def new_veth(veth: Veth, master: int, netns: int | None) -> bytes:
    """Like: ip link add NAME address MAC mtu N master BRIDGE type veth peer IFACE ... netns NS.

    The peer is born in its namespace ``netns`` (an open descriptor) under its final name: moving a
    device later costs every caller an rcu_barrier under RTNL. It cannot be born up.
    """
    peer: list[tuple[str, object]] = [
        ("IFLA_IFNAME", veth.interface),
        ("IFLA_ADDRESS", veth.mac),
        ("IFLA_MTU", veth.mtu),
    ]
    if netns is not None:
        peer.append(("IFLA_NET_NS_FD", netns))
    attributes = (
        ("IFLA_IFNAME", veth.name),
        ("IFLA_ADDRESS", veth.outer_mac),
        ("IFLA_MTU", veth.mtu),
        ("IFLA_MASTER", master),
        _kind("veth", [("VETH_INFO_PEER", {"attrs": peer})]),
    )
    return encode(ifinfmsg, RTM_NEWLINK, _NEW, {}, attributes)


def new_ifb(name: str, mac: str) -> bytes:
    """Like: ip link add NAME address MAC type ifb."""
    attributes = (("IFLA_IFNAME", name), ("IFLA_ADDRESS", mac), _kind("ifb"))
    return encode(ifinfmsg, RTM_NEWLINK, _NEW, {}, attributes)


def mark_link(index: int, mark: str) -> bytes:
    """Like: ip link set dev NAME alias MARK."""
    return _set_link(index, [("IFLA_IFALIAS", mark)])


def shape_link(index: int, mac: str, mtu: int) -> bytes:
    """Like: ip link set dev NAME address MAC mtu N."""
    return _set_link(index, [("IFLA_ADDRESS", mac), ("IFLA_MTU", mtu)])


@_remembered
def no_generated_address(index: int) -> bytes:
    """Like: ip link set dev NAME addrgenmode none.

    Else the kernel makes a link-local address as the link comes up, and that one is tentative for
    a second or two. It has to be a message of its own, before the one that sets the link up.
    """
    inet6 = {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", _IN6_ADDR_GEN_MODE_NONE)]}
    return _set_link(index, [("IFLA_AF_SPEC", {"attrs": [("AF_INET6", inet6)]})])


def enslave(index: int, master: int) -> bytes:
    """Like: ip link set dev NAME master BRIDGE."""
    return _set_link(index, [("IFLA_MASTER", master)])


def set_port(index: int, *, isolated: bool, hairpin: bool) -> bytes:
    """Like: ip link set dev NAME type bridge_slave isolated on hairpin on.

    RTM_SETLINK would set neither. They are not given with the making of a link: then the kernel
    ignores what is of its master.
    """
    flags = [("IFLA_BRPORT_ISOLATED", int(isolated)), ("IFLA_BRPORT_MODE", int(hairpin))]
    slave = [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", {"attrs": flags})]
    attributes: Attributes = [("IFLA_LINKINFO", {"attrs": slave})]
    return encode(ifinfmsg, RTM_NEWLINK, 0, {"index": index}, attributes)


@_remembered
def set_up(index: int) -> bytes:
    """Like: ip link set dev NAME up."""
    return _set_link(index, (), up=True)


def set_aside(index: int, group: int) -> bytes:
    """Like: ip link set dev NAME down group N. No packet passes after it."""
    fields = {"index": index, "flags": 0, "change": _IFF_UP}
    return encode(ifinfmsg, RTM_SETLINK, 0, fields, [("IFLA_GROUP", group)])


def delete_link(index: int) -> bytes:
    """Like: ip link delete dev NAME."""
    return encode(ifinfmsg, RTM_DELLINK, 0, {"index": index}, ())


def delete_group(group: int) -> bytes:
    """Like: ip link delete group N."""
    return encode(ifinfmsg, RTM_DELLINK, 0, {}, [("IFLA_GROUP", group)])


def get_link(*, name: str = "", index: int = 0) -> bytes:
    """Like: ip link show dev NAME.

    Packed here, as a start asks it three times an endpoint.
    """
    attributes = attribute(_IFLA_EXT_MASK, _INT.pack(_RTEXT_FILTER_SKIP_STATS))
    if name:
        attributes += attribute(_IFLA_IFNAME, os.fsencode(name) + b"\0")
    body = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, index, 0, 0) + attributes
    return _HEADER.pack(_HEADER.size + len(body), RTM_GETLINK, 0, 0, 0) + body


def add_address(index: int, address: IPInterface) -> bytes:
    """Like: ip addr replace ADDRESS/LENGTH dev NAME nodad.

    No duplicate address detection: the addresses are the IPAM's, which gives none out twice, and
    a tentative address is of no use for a second or two.
    """
    fields = {"family": _FAMILY[address.version], "prefixlen": address.network.prefixlen}
    attributes: list[tuple[str, object]] = [
        ("IFA_ADDRESS", str(address.ip)),
        ("IFA_LOCAL", str(address.ip)),
    ]
    if isinstance(address, IPv6Interface):
        attributes.append(("IFA_FLAGS", _IFA_F_NODAD))
    elif address.network.prefixlen < _POINT_TO_POINT:
        attributes.append(("IFA_BROADCAST", str(address.network.broadcast_address)))
    flags = NLM_F_CREATE | NLM_F_REPLACE
    return encode(ifaddrmsg, RTM_NEWADDR, flags, {**fields, "index": index}, attributes)


@_remembered
def get_addresses(index: int = 0) -> bytes:
    """Like: ip addr show, or with an index ip addr show dev NAME."""
    return encode(ifaddrmsg, RTM_GETADDR, 0, {"index": index}, ())


@_remembered
def add_default_route(index: int, gateway: IPAddress, metric: int) -> bytes:
    """Like: ip route add default via GATEWAY dev NAME metric N."""
    fields = {
        "family": _FAMILY[gateway.version],
        "table": RT_TABLE_MAIN,
        "proto": _RTPROT_STATIC,
        "scope": _RT_SCOPE_UNIVERSE,
        "type": _RTN_UNICAST,
    }
    attributes = (
        ("RTA_GATEWAY", str(gateway)),
        ("RTA_OIF", index),
        ("RTA_PRIORITY", priority(gateway, metric)),
    )
    return encode(rtmsg, RTM_NEWROUTE, _NEW, fields, attributes)


@_remembered
def get_routes(version: int, *, table: int = 0, protocol: int = 0) -> bytes:
    """Like: ip -4 route show table all, ip -6 route show table TABLE proto PROTOCOL."""
    fields = {"family": _FAMILY[version], "table": table, "proto": protocol}
    return encode(rtmsg, RTM_GETROUTE, 0, fields, ())
