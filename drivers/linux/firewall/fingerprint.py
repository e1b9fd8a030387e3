"""A fingerprint of the firewall's table without its elements, to tell whether it was changed.

The bytes are compared and not understood: the kernel describes the same table, chains and rules by
the same bytes every time. Numbers of rules and chains are never used again, so a rule that was
deleted and added again changes the fingerprint.

A fingerprint takes 0.2 ms, whatever the sets have. A run of ``nft list`` takes 4 ms with 10
networks and 108 ms with 2,000, too long for every creation of a network. It is compared with the
fingerprint of the table that this daemon has loaded, which ``audit`` does not have.
"""

import errno

from mynet.drivers.linux.firewall.ruleset import TABLE
from mynet.drivers.linux.netlink import nftables
from mynet.drivers.linux.netlink.header import NETFILTER_HEADER_BYTES, NETLINK_NETFILTER
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request

_GONE = frozenset({errno.ENOENT})


def generation() -> int:
    """Return the number of transactions so far, of all tables. Like: ``nft monitor``."""
    with Netlink(NETLINK_NETFILTER) as nl:
        reply = nl.get(_request(nftables.get_generation()))
    return nftables.read_generation(reply) if reply else 0


def fingerprint() -> bytes:
    """Return the description of the table, its chains and rules; b"" if there is no table.

    Like: ``nft -a -t list table inet mynet``.
    """
    with Netlink(NETLINK_NETFILTER) as nl:
        table = nl.get(_request(nftables.get_table(TABLE)))
        if table is None:
            return b""
        chains = nl.dump(_request(nftables.get_chains(TABLE)))
        rules = nl.dump(_request(nftables.get_rules(TABLE)))
    ours = [message for message in (*chains, *rules) if nftables.is_of_table(message, TABLE)]
    return b"".join(message[NETFILTER_HEADER_BYTES:] for message in (table, *ours))


def _request(message: bytes) -> Request:
    return Request(message, "look at the firewall's rules", f"table inet {TABLE}", _GONE)
