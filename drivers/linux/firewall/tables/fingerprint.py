"""A fingerprint of the firewall's tables without their elements, to tell whether they were changed.

The bytes are compared and not understood: the kernel describes the same table, chains and rules by
the same bytes every time. Numbers of rules and chains are never used again, so a rule that was
deleted and added again changes the fingerprint.

A fingerprint takes 0.4 ms, whatever the sets have. A run of ``nft list`` takes 4 ms with 10
networks and 108 ms with 2,000, too long for every creation of a network. It is compared with the
fingerprint of the tables that this daemon has loaded, which ``audit`` does not have.
"""

import errno

from mynet.drivers.linux.firewall.ruleset import TABLE_NAMES, TABLES
from mynet.drivers.linux.netlink.header import NETFILTER_HEADER_BYTES
from mynet.drivers.linux.netlink.netfilter import nftables
from mynet.drivers.linux.netlink.netfilter.nftables import TableName
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request

_GONE = frozenset({errno.ENOENT})


def generation(nl: Netlink) -> int:
    """Return the number of transactions so far, of all tables. Like: ``nft monitor``."""
    reply = nl.get(_request(nftables.get_generation()))
    return nftables.read_generation(reply) if reply else 0


def fingerprint(nl: Netlink) -> bytes:
    """Return the description of both tables, their chains and rules; b"" if one does not exist.

    Like: ``nft -a -t list table inet mynet; nft -a -t list table bridge mynet``.
    """
    descriptions = [_describe(nl, table) for table in TABLES]
    return b"".join(descriptions) if all(descriptions) else b""


def missing_tables(nl: Netlink) -> list[TableName]:
    """Return those of both tables that do not exist. Like: ``nft list tables``."""
    return [table for table in TABLES if nl.get(_request(nftables.get_table(table))) is None]


def _describe(nl: Netlink, table: TableName) -> bytes:
    description = nl.get(_request(nftables.get_table(table)))
    if description is None:
        return b""
    chains = nl.dump(_request(nftables.get_chains(table)))
    rules = nl.dump(_request(nftables.get_rules(table)))
    ours = [message for message in (*chains, *rules) if nftables.is_of_table(message, table)]
    return b"".join(message[NETFILTER_HEADER_BYTES:] for message in (description, *ours))


def _request(message: bytes) -> Request:
    return Request(message, "look at the firewall's rules", TABLE_NAMES, _GONE)
