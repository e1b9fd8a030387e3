"""What the kernel has of the firewall's table beside elements: as it was loaded, or not.

Nothing here is understood, only compared: the kernel describes the same table, chains and rules by
the same bytes every time. Rules and chains have numbers that are not used again, so one that was
taken away and put back is another.
"""

import errno
import struct
from typing import Final

from mynet.drivers.linux.firewall.ruleset import TABLE
from mynet.drivers.linux.firewall.set_elements import (
    NETLINK_NETFILTER,
    NFPROTO_INET,
    NFPROTO_UNSPEC,
)
from mynet.drivers.linux.netlink.attributes import attribute, find
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request

_NFNL_SUBSYS_NFTABLES: Final = 10
_GETTABLE: Final = _NFNL_SUBSYS_NFTABLES << 8 | 1
_GETCHAIN: Final = _NFNL_SUBSYS_NFTABLES << 8 | 4
_GETRULE: Final = _NFNL_SUBSYS_NFTABLES << 8 | 7
_GETGEN: Final = _NFNL_SUBSYS_NFTABLES << 8 | 16
_OF_TABLE = 1  # NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE
_GEN_ID = 1

_HEADER = struct.Struct("@IHHII")  # nlmsghdr; the socket fills in the last two
_NFGEN = struct.Struct("!BBH")  # family, version, the number of the transaction
_BODY: Final = _HEADER.size + _NFGEN.size
_GONE = frozenset({errno.ENOENT})


def generation() -> int:
    """Tell how many transactions there were, of all tables. Like: ``nft monitor``, "generation"."""
    with Netlink(NETLINK_NETFILTER) as nl:
        answer = nl.get(_question(_GETGEN, NFPROTO_UNSPEC, b""))
    return int.from_bytes(find(memoryview(answer or b"")[_BODY:], _GEN_ID))


def skeleton() -> bytes:
    """Describe the table, its chains and its rules; b"" where there is no table.

    Like: ``nft -a -t list table inet mynet``.
    """
    named = attribute(_OF_TABLE, TABLE.encode() + b"\0")
    with Netlink(NETLINK_NETFILTER) as nl:
        table = nl.get(_question(_GETTABLE, NFPROTO_INET, named))
        if table is None:
            return b""
        chains = nl.dump(_question(_GETCHAIN, NFPROTO_INET, named))
        rules = nl.dump(_question(_GETRULE, NFPROTO_INET, named))
    ours = [each for each in (*chains, *rules) if each[_BODY:].startswith(named)]
    return b"".join(each[_BODY:] for each in (table, *ours))


def _question(kind: int, family: int, attributes: bytes) -> Request:
    body = _NFGEN.pack(family, 0, 0) + attributes
    return Request(
        _HEADER.pack(_HEADER.size + len(body), kind, 0, 0, 0) + body,
        "look at the firewall's rules",
        f"table inet {TABLE}",
        _GONE,
    )
