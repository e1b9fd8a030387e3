"""The chains of nftables, with their hooks and policies: the rules that packets pass besides ours.

Nothing else is read of other programs' tables, and nothing in them is changed. ``iptables`` writes
into nftables on current hosts; ``iptables_legacy`` reads the tables of the older program.
"""

from collections.abc import Sequence

from mynet.drivers.linux.netlink import nftables
from mynet.drivers.linux.netlink.header import NETLINK_NETFILTER
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.host_firewalls import Chain


def chains() -> Sequence[Chain]:
    """List the chains of all tables. Like: ``nft list chains``."""
    request = Request(nftables.get_all_chains(), "list the firewall's chains", "chains")
    with Netlink(NETLINK_NETFILTER) as nl:
        return [nftables.read_chain(reply) for reply in nl.dump(request)]
