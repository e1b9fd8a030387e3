"""Requests to rtnetlink that are not on the path of Connect and Disconnect, built with pyroute2.

``link_requests`` and ``address_requests`` have the others.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from mynet.drivers.api import IPAddress
from mynet.drivers.linux.netlink import rtnetlink as rt
from mynet.drivers.linux.netlink.header import ADDRESS_FAMILIES


def delete_link(index: int) -> bytes:
    """Like: ip link delete dev NAME."""
    return _build(ifinfmsg, rt.RTM_DELLINK, {"index": index})


@lru_cache(maxsize=128)
def get_addresses(index: int = 0) -> bytes:
    """Like: ip addr show dev NAME; without an index, ip addr show."""
    return _build(ifaddrmsg, rt.RTM_GETADDR, {"index": index})


@lru_cache(maxsize=16)
def get_routes(version: int, *, table: int = 0, protocol: int = 0) -> bytes:
    """Like: ip -4 route show table all, ip -6 route show table TABLE proto PROTOCOL."""
    fields = {"family": ADDRESS_FAMILIES[version], "table": table, "proto": protocol}
    return _build(rtmsg, rt.RTM_GETROUTE, fields)


def get_route_to(address: IPAddress) -> bytes:
    """Like: ip route get ADDRESS."""
    fields = {
        "family": ADDRESS_FAMILIES[address.version],
        "dst_len": address.max_prefixlen,
        "attrs": [("RTA_DST", str(address))],
    }
    return _build(rtmsg, rt.RTM_GETROUTE, fields)


def _build(
    layout: Any,  # noqa: ANN401 - a message class of pyroute2, which has no types
    kind: int,
    fields: Mapping[str, object],
) -> bytes:
    """Build a message. The socket adds the sequence number and the flags of a request."""
    message = layout()
    message["header"] |= {"type": kind, "flags": 0}
    message.update(fields)
    message.encode()
    return bytes(message.data)
