"""Looking at what else on this host decides about our packets, in one go; nothing is changed."""

from mynet.drivers.api import IPAddress
from mynet.drivers.linux import frontends, sysctl
from mynet.drivers.linux.chains import chains
from mynet.drivers.linux.ruleset import TABLE
from mynet.drivers.linux.surroundings import FIREWALLD, UFW_CHAINS, Chain, Surroundings
from mynet.drivers.linux.xtables import legacy_chains


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
            for way, interface in frontends.ufw_routes(version)
        ),
        trusted=frontends.accepted_by_firewalld()
        if any(each.table == FIREWALLD for each in found)
        else frozenset(),
        deaf=sysctl.deaf_uplinks(),
        targets=targets,
    )


def _is_ours(chain: Chain) -> bool:
    return (chain.family, chain.table) == ("inet", TABLE)
