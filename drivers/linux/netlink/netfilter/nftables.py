"""Requests to nftables and its replies: elements of sets, and what a table consists of.

Packed by hand: pyroute2 0.9.7 writes 0 for the flag that ends an interval.
Source: linux/netfilter/nf_tables.h.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink.netfilter.set_limits import Limit, read_limit
from mynet.drivers.linux.values.host_firewalls import Chain

_SUBSYSTEM: Final = 10  # NFNL_SUBSYS_NFTABLES
_GETTABLE, _GETCHAIN, _GETRULE, _GETGEN = (_SUBSYSTEM << 8 | number for number in (1, 4, 7, 16))
_NEWSETELEM, _GETSETELEM, _DELSETELEM = (_SUBSYSTEM << 8 | number for number in (12, 13, 14))
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11

_NFTA_TABLE: Final = 1  # the name of the table, in messages about tables, chains, rules and sets
_NFTA_SET, _NFTA_SET_ELEMENTS, _NFTA_LIST_ELEM = 2, 3, 1
_NFTA_KEY, _NFTA_DATA, _NFTA_FLAGS, _NFTA_KEY_END, _NFTA_DATA_VALUE = 1, 2, 3, 10, 1
_NFTA_EXPRESSION: Final = 7
_INTERVAL_END: Final = (1).to_bytes(4)
_NFTA_CHAIN_NAME, _NFTA_CHAIN_HOOK, _NFTA_CHAIN_POLICY, _NFTA_CHAIN_USE = 3, 4, 5, 6
_NFTA_HOOK_NUMBER, _NFTA_GEN_ID = 1, 1
_NF_DROP, _NF_ACCEPT = 0, 1
_FAMILIES: Final = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_NUMBERS: Final = {name: number for number, name in _FAMILIES.items()}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a set as the kernel holds it.

    An interval of one part is two keys: its start and, after its last value, its end. An interval
    of several parts is a single key.
    """

    value: bytes
    # What a map leads the key to.
    data: bytes = b""
    # The last value of an interval of several parts.
    end: bytes = b""
    # Whether the key ends an interval of one part.
    ends_interval: bool = False
    # Above which the key matches, in a set that counts connections or measures their rate.
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class TableName:
    """A table, by its family and its name in the family."""

    # As nft(8) writes it: "inet", "bridge".
    family: str
    name: str

    def __str__(self) -> str:
        """Return, for example, ``table inet mynet``."""
        return f"table {self.family} {self.name}"


def begin_batch() -> bytes:
    """Begin a transaction."""
    return nlmsg.pack_netfilter(_BATCH_BEGIN, family=nlmsg.NFPROTO_UNSPEC, resource=_SUBSYSTEM)


def end_batch() -> bytes:
    """End a transaction."""
    return nlmsg.pack_netfilter(_BATCH_END, family=nlmsg.NFPROTO_UNSPEC, resource=_SUBSYSTEM)


def add_element(table: TableName, name: str, key: Key) -> bytes:
    """Like: nft add element FAMILY TABLE NAME { KEY }."""
    more = nla.nested(_NFTA_DATA, nla.attribute(_NFTA_DATA_VALUE, key.data)) if key.data else b""
    more += nla.nested(_NFTA_EXPRESSION, key.limit.packed) if key.limit else b""
    return _pack(_NEWSETELEM, table, _element(name, key, more), flags=nlmsg.NLM_F_CREATE)


def delete_element(table: TableName, name: str, key: Key) -> bytes:
    """Like: nft delete element FAMILY TABLE NAME { KEY }."""
    return _pack(_DELSETELEM, table, _element(name, key))


def get_element(table: TableName, name: str, key: Key) -> bytes:
    """Like: nft get element FAMILY TABLE NAME { KEY }."""
    return _pack(_GETSETELEM, table, _element(name, key))


def read_element(reply: bytes) -> Key:
    """Read a reply to :func:`get_element`."""
    body = reply[nlmsg.NETFILTER_HEADER_BYTES :]
    element = nla.find(body, _NFTA_SET_ELEMENTS, _NFTA_LIST_ELEM)
    value, data, end = (
        nla.find(element, kind, _NFTA_DATA_VALUE) for kind in (_NFTA_KEY, _NFTA_DATA, _NFTA_KEY_END)
    )
    return Key(
        value,
        data,
        end,
        nla.find(element, _NFTA_FLAGS) == _INTERVAL_END,
        read_limit(nla.find(element, _NFTA_EXPRESSION)),
    )


def get_table(table: TableName) -> bytes:
    """Like: nft list table FAMILY TABLE, without what is in it."""
    return _pack(_GETTABLE, table)


def get_chains(table: TableName) -> bytes:
    """Like: nft list chains, of a table."""
    return _pack(_GETCHAIN, table)


def get_rules(table: TableName) -> bytes:
    """Like: nft -a list table FAMILY TABLE."""
    return _pack(_GETRULE, table)


def is_of_table(message: bytes, table: TableName) -> bool:
    """Return whether a message is about a table, or about something in it."""
    named = nla.text_attribute(_NFTA_TABLE, table.name)
    family = nlmsg.read_netfilter_family(message)
    return _FAMILIES.get(family) == table.family and message.startswith(
        named, nlmsg.NETFILTER_HEADER_BYTES
    )


def get_all_chains() -> bytes:
    """Like: nft list chains."""
    return nlmsg.pack_netfilter(_GETCHAIN, family=nlmsg.NFPROTO_UNSPEC)


def read_chain(reply: bytes) -> Chain:
    """Read a reply to :func:`get_all_chains`."""
    family = nlmsg.read_netfilter_family(reply)
    chain = nla.read_attributes(reply, nlmsg.NETFILTER_HEADER_BYTES)
    hook = nla.read_attributes(chain.get(_NFTA_CHAIN_HOOK, b""))
    return Chain(
        family=_FAMILIES.get(family, str(family)),
        table=nla.read_text(chain[_NFTA_TABLE]),
        name=nla.read_text(chain[_NFTA_CHAIN_NAME]),
        hook=_number(hook, _NFTA_HOOK_NUMBER) if hook else None,
        drops=_number(chain, _NFTA_CHAIN_POLICY, _NF_ACCEPT) == _NF_DROP,
        uses=_number(chain, _NFTA_CHAIN_USE),
    )


def get_generation() -> bytes:
    """Ask for the number of transactions. Like: ``nft monitor``, "generation"."""
    return nlmsg.pack_netfilter(_GETGEN, family=nlmsg.NFPROTO_UNSPEC)


def read_generation(reply: bytes) -> int:
    """Read a reply to :func:`get_generation`."""
    return _number(nla.read_attributes(reply, nlmsg.NETFILTER_HEADER_BYTES), _NFTA_GEN_ID)


def _pack(kind: int, table: TableName, attributes: bytes = b"", *, flags: int = 0) -> bytes:
    """Pack a message about a table, or about something in it."""
    named = nla.text_attribute(_NFTA_TABLE, table.name)
    return nlmsg.pack_netfilter(
        kind, named + attributes, family=_NUMBERS[table.family], flags=flags
    )


def _element(name: str, key: Key, more: bytes = b"") -> bytes:
    """Pack the name of a set and a list of one element of it."""
    element = nla.nested(_NFTA_KEY, nla.attribute(_NFTA_DATA_VALUE, key.value))
    if key.end:
        element += nla.nested(_NFTA_KEY_END, nla.attribute(_NFTA_DATA_VALUE, key.end))
    if key.ends_interval:
        element += nla.attribute(_NFTA_FLAGS, _INTERVAL_END)
    return nla.text_attribute(_NFTA_SET, name) + nla.nested(
        _NFTA_SET_ELEMENTS, nla.nested(_NFTA_LIST_ELEM, element + more)
    )


def _number(attributes: Mapping[int, bytes], kind: int, default: int = 0) -> int:
    """Read a number, which netfilter writes in network byte order."""
    return int.from_bytes(attributes[kind]) if kind in attributes else default
