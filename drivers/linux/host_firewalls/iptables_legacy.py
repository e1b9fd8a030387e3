"""The chains of iptables-legacy, a firewall beside nftables that packets pass as well.

The kernel returns such a table only as a whole. This module reads the policy, the names of the
chains, and how often each chain is used. Asking for a table that no program has used in this
namespace would create the table, so /proc is read first.

Layouts: linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h, x_tables.h.
"""

import ctypes
import errno
import os
import socket
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mynet.drivers.linux.kernel_errors import refusals
from mynet.drivers.linux.values.host_firewalls import FORWARD, Chain

_TABLE: Final = "filter"
_NET: Final = Path("/proc/thread-self/net")  # of the namespace that the thread is in
_GET_INFO, _GET_ENTRIES = 64, 65  # of SOL_IP and of SOL_IPV6
_SOL_IPV6: Final = 41
_INFO = struct.Struct("@32sI5I5III")  # name, valid hooks, first entries, policies, number, size
_POLICIES = 7  # the index of the first policy in _INFO
_ENTRIES = struct.Struct("@32sI4x")  # name, size; the entries follow
_OFFSETS = struct.Struct("@HH")  # of an entry: the offset of its target, and of the next entry
_TARGET = struct.Struct("@2x29sB")  # name, revision; a verdict or the name of a chain follows
_VERDICT = struct.Struct("@i")
_DROP: Final = -1  # the verdict NF_DROP; a positive verdict is the offset that a jump leads to
_HEAD: Final = b"ERROR"  # the target of a chain's first entry, and of a table's last
_NAME_BYTES: Final = 30
_ATTEMPTS = 10  # to read a table while other programs change it

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class _Family:
    """One of the two IP versions of iptables-legacy."""

    name: str
    socket: socket.AddressFamily
    # The level of the socket options.
    level: int
    # Where an entry has its _OFFSETS.
    offsets: int


_FAMILIES: Final = (
    _Family("ip", socket.AF_INET, socket.SOL_IP, 88),
    _Family("ip6", socket.AF_INET6, _SOL_IPV6, 140),
)


def legacy_chains() -> Sequence[Chain]:
    """Return the chains of the tables ``filter``. Like: ``iptables-legacy -S``."""
    return [chain for family in _FAMILIES if _exists(family) for chain in _chains(family)]


def _exists(family: _Family) -> bool:
    """Return whether the table exists in this namespace."""
    try:
        return _TABLE in (_NET / f"{family.name}_tables_names").read_text().split()
    except OSError:  # a kernel without iptables-legacy, or without permission
        return False


def _chains(family: _Family) -> Iterator[Chain]:
    policy, table = _read(family)
    names: dict[int, str] = {}  # by the offset of the first rule, where jumps lead
    rules, jumps, first = Counter[int](), Counter[int](), 0
    for here, target, following in _entries(family, table):
        kind, _ = _TARGET.unpack_from(table, target)
        body = target + _TARGET.size
        if kind.rstrip(b"\0") == _HEAD:
            first = following
            names[first] = table[body : body + _NAME_BYTES].partition(b"\0")[0].decode()
            continue
        rules[first] += 1
        if kind.strip(b"\0"):
            continue
        (verdict,) = _VERDICT.unpack_from(table, body)
        jumps[verdict] += verdict > 0
        if here == policy:
            drops = verdict == _DROP
            yield Chain(family.name, _TABLE, "FORWARD", FORWARD, drops=drops, legacy=True)
    names.pop(len(table))  # the table's last entry begins no chain
    for first, name in names.items():
        # A chain's last entry returns from the chain, and is not a rule.
        yield Chain(family.name, _TABLE, name, uses=rules[first] - 1 + jumps[first], legacy=True)


def _entries(family: _Family, table: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the offsets of each entry, of its target, and of the next entry."""
    here = 0
    while here < len(table):
        target, size = _OFFSETS.unpack_from(table, here + family.offsets)
        yield here, here + target, here + size
        here += size


def _read(family: _Family) -> tuple[int, bytes]:
    """Return the offset of the entry with the policy of FORWARD, and the table."""
    what = f"the table {_TABLE} of {family.name}tables-legacy"
    with (
        refusals(f"read {what}", what),
        socket.socket(family.socket, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock,
    ):
        for _ in range(_ATTEMPTS):
            info = bytearray(_INFO.pack(_TABLE.encode(), *[0] * 13))
            _getsockopt(sock, family.level, _GET_INFO, info)
            fields = _INFO.unpack(info)
            table = bytearray(_ENTRIES.pack(_TABLE.encode(), fields[-1]) + bytes(fields[-1]))
            try:
                _getsockopt(sock, family.level, _GET_ENTRIES, table)
            except BlockingIOError:  # the size of the table has changed
                continue
            return fields[_POLICIES + FORWARD], bytes(table[_ENTRIES.size :])
        raise OSError(errno.EAGAIN, "the table keeps changing")


def _getsockopt(sock: socket.socket, level: int, option: int, data: bytearray) -> None:
    """Read a socket option that takes its input from ``data``, which socket.getsockopt cannot."""
    buffer = (ctypes.c_char * len(data)).from_buffer(data)
    length = ctypes.c_uint(len(data))
    if _libc.getsockopt(sock.fileno(), level, option, buffer, ctypes.byref(length)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
