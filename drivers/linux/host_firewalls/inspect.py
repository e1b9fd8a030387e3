"""Looking at what else on this host decides about our packets, in one go; nothing is changed."""

from mynet.drivers.api import IPAddress
from mynet.drivers.linux.firewall.ruleset import TABLE
from mynet.drivers.linux.host import sysctl
from mynet.drivers.linux.host_firewalls import ufw_firewalld
from mynet.drivers.linux.host_firewalls.iptables_legacy import legacy_chains
from mynet.drivers.linux.host_firewalls.nft_chains import chains
from mynet.drivers.linux.values.host_firewalls import FIREWALLD, UFW_CHAINS, Chain, Surroundings


def look_around(targets: frozenset[IPAddress] = frozenset()) -> Surroundings:
    """Look at all of it; files are read only of whom the chains show to be here.

    ``targets`` are where published ports lead, which only our own firewall knows.
    """
    found = [*(each for each in chains() if not _is_ours(each)), *legacy_chains()]
    names = {each.name for each in found}
    return Surroundings(
        chains=found,
        bridged=sysctl.bridged(),
        ufw_routes=frozenset(
            (version, way, interface)
            for name, version in UFW_CHAINS.items()
            if name in names
            for way, interface in ufw_firewalld.ufw_routes(version)
        ),
        trusted=ufw_firewalld.accepted_by_firewalld()
        if any(each.table == FIREWALLD for each in found)
        else frozenset(),
        deaf=sysctl.deaf_uplinks(),
        targets=targets,
    )


def _is_ours(chain: Chain) -> bool:
    return (chain.family, chain.table) == ("inet", TABLE)
