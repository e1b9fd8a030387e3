"""The links, addresses, routes and routing rules of this thread's network namespace, by netlink.

Like: ``ip link; ip address; ip route; ip -6 route; ip rule``. Attributes stay as the kernel gives
them, by number, because a comparison need not know what they mean: a change of any is noticed.
Left out are counters, seconds that run down, and what the kernel derives from the carrier.
"""

import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Attributes: TypeAlias = Mapping[int, bytes]
Entry: TypeAlias = tuple[tuple[int, ...], Attributes]

_MESSAGE, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
_LINK = struct.Struct("=BxHiII")  # family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # ... table, protocol, scope, type, flags; and so of a rule
_DUMP, _DONE, _INTERRUPTED = 0x301, 3, 0x10  # NLM_F_REQUEST | NLM_F_DUMP; NLM_F_DUMP_INTR
_GET_LINK, _GET_ADDRESS, _GET_ROUTE, _GET_RULE = 18, 22, 26, 34

_FOLLOWS_CARRIER = 0x40 | 0x10000  # IFF_RUNNING | IFF_LOWER_UP
# IFLA_STATS, IFLA_OPERSTATE, IFLA_LINKINFO (its timers; the kind is added), IFLA_STATS64,
# IFLA_AF_SPEC (counters), IFLA_CARRIER and how often it changed, and IFLA_TSO_MAX_SIZE and _SEGS,
# which a bridge takes from its ports.
_PASSING_OF_LINKS = {7, 16, 18, 23, 26, 33, 35, 47, 48, 59, 60}
_LINK_INFO, _INFO_KIND = 18, 1
_CACHE_INFO_OF_ADDRESS, _CACHE_INFO_OF_ROUTE = 6, 12
_MAIN_TABLE, _CLONED = 254, 0x200  # RT_TABLE_MAIN, RTM_F_CLONED
_ROUTE_FOLLOWS_CARRIER = 1 | 16  # RTNH_F_DEAD | RTNH_F_LINKDOWN
_FLAGS = 8  # place in _ROUTE


def network_state() -> Mapping[str, Sequence[Entry]]:
    """Return the namespace's links, addresses, main routing tables and routing rules, sorted."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        found = {
            "links": map(_link, _dump(sock, _GET_LINK, _LINK)),
            "addresses": _without(_dump(sock, _GET_ADDRESS, _ADDRESS), _CACHE_INFO_OF_ADDRESS),
            "routes": map(_route, filter(_is_main, _dump(sock, _GET_ROUTE, _ROUTE))),
            "rules": _dump(sock, _GET_RULE, _ROUTE),
        }
        return {name: sorted(entries, key=repr) for name, entries in found.items()}


def _link(entry: Entry) -> Entry:
    (family, kind, index, flags, _), attributes = entry
    lasting = {key: each for key, each in attributes.items() if key not in _PASSING_OF_LINKS}
    if information := dict(_attributes(attributes.get(_LINK_INFO, b""))):
        lasting[_LINK_INFO] = information[_INFO_KIND]
    return (family, kind, index, flags & ~_FOLLOWS_CARRIER), lasting


def _is_main(entry: Entry) -> bool:
    header = entry[0]
    return header[4] == _MAIN_TABLE and not header[_FLAGS] & _CLONED


def _route(entry: Entry) -> Entry:
    header, attributes = entry
    lasting = {key: each for key, each in attributes.items() if key != _CACHE_INFO_OF_ROUTE}
    return (*header[:_FLAGS], header[_FLAGS] & ~_ROUTE_FOLLOWS_CARRIER), lasting


def _without(entries: Sequence[Entry], left_out: int) -> Iterator[Entry]:
    for header, attributes in entries:
        yield header, {key: each for key, each in attributes.items() if key != left_out}


def _dump(sock: socket.socket, request: int, header: struct.Struct) -> Sequence[Entry]:
    """Return all objects of a kind. A dump that a change has interrupted is made again."""
    while True:
        body = bytes(header.size)
        sock.send(_MESSAGE.pack(_MESSAGE.size + len(body), request, _DUMP, 0, 0) + body)
        entries, interrupted = [], False
        for kind, flags, payload in _messages(sock):
            interrupted |= bool(flags & _INTERRUPTED)
            if kind == _DONE:
                break
            attributes = dict(_attributes(payload[header.size :]))
            entries.append((header.unpack_from(payload), attributes))
        if not interrupted:
            return entries


def _messages(sock: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    while True:
        data = sock.recv(2**18)
        while data:
            length, kind, flags, *_ = _MESSAGE.unpack_from(data)
            yield kind, flags, data[_MESSAGE.size : length]
            data = data[_aligned(length) :]


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind = _ATTRIBUTE.unpack_from(data)
        yield kind & 0x3FFF, data[_ATTRIBUTE.size : length]
        data = data[_aligned(length) :]


def _aligned(length: int) -> int:
    return (length + 3) & ~3
