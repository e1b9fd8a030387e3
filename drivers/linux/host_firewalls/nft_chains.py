"""Whose rules packets pass besides ours: the chains of nftables, with their hooks and policies.

That is all that is read of anybody else's table, and nothing of it is ever changed. What the rules
in a chain say is their owner's affair. ``iptables`` writes into nftables on any host of today; the
tables of the older ``iptables-legacy`` are read by ``xtables``.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from mynet.drivers.linux.netlink.attributes import attributes
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.host_firewalls import Chain

_NETLINK_NETFILTER: Final = 12
_GETCHAIN: Final = 10 << 8 | 4  # of the subsystem nftables
_NFPROTO_UNSPEC: Final = 0  # of every family

_FAMILIES: Final = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_POLICY, _CHAIN_USE = 1, 3, 4, 5, 6
_HOOK_NUMBER = 1
_NF_DROP, _NF_ACCEPT = 0, 1

_HEADER = struct.Struct("@IHHII")  # nlmsghdr; the socket fills in the last two
_NFGEN = struct.Struct("!BBH")  # family, version, resource
_NUMBER = struct.Struct("!I")


def chains() -> Sequence[Chain]:
    """List all chains there are. Like: ``nft list chains``."""
    body = _NFGEN.pack(_NFPROTO_UNSPEC, 0, 0)
    message = _HEADER.pack(_HEADER.size + len(body), _GETCHAIN, 0, 0, 0) + body
    with Netlink(_NETLINK_NETFILTER) as nl:
        found = nl.dump(Request(message, "list the firewall's chains", "chains"))
    return [_read(data) for data in found]


def _read(data: bytes) -> Chain:
    family, _, _ = _NFGEN.unpack_from(data, _HEADER.size)
    found = attributes(data, _HEADER.size + _NFGEN.size)
    hook = attributes(found.get(_CHAIN_HOOK, b""), 0)
    return Chain(
        family=_FAMILIES.get(family, str(family)),
        table=_text(found[_CHAIN_TABLE]),
        name=_text(found[_CHAIN_NAME]),
        hook=_number(hook, _HOOK_NUMBER) if hook else None,
        drops=_number(found, _CHAIN_POLICY, _NF_ACCEPT) == _NF_DROP,
        uses=_number(found, _CHAIN_USE),
    )


def _number(found: Mapping[int, bytes], kind: int, default: int = 0) -> int:
    number: int = _NUMBER.unpack(found[kind])[0] if kind in found else default
    return number


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="surrogateescape")
