"""Options of an endpoint that are sysctls of its interface in the sandbox.

::

    net.ipv4.conf.IFNAME.rp_filter=2    the name of a sysctl, IFNAME for the interface's name

Docker writes sysctls the same way. Only sysctls are options that affect this interface alone and
cannot remove what mynet sets on it, such as the MTU. The kernel documents each:
https://docs.kernel.org/networking/ip-sysctl.html
"""

from collections.abc import Mapping, Sequence

from mynet.drivers.api import IPInterface, Option
from mynet.drivers.bridge.options.values import whole_number
from mynet.drivers.linux.links.mac import has_ipv6

IFNAME = "IFNAME"  # the placeholder for the interface's name
ACCEPT_RA = "net.ipv6.conf.IFNAME.accept_ra"
DISABLE_IPV6 = "net.ipv6.conf.IFNAME.disable_ipv6"

_DAY = 24 * 3600
_FLAG, _THREE = range(2), range(3)

_OF_NEIGHBOURS = {  # the same for both families
    "base_reachable_time": (range(1, _DAY + 1), "seconds that a neighbour counts as reachable"),
    "delay_first_probe_time": (range(_DAY + 1), "seconds before a stale neighbour is probed"),
    "gc_stale_time": (range(1, _DAY + 1), "seconds after which an unused neighbour is removed"),
    "mcast_solicit": (range(101), "multicast requests for a neighbour"),
    "ucast_solicit": (range(101), "unicast requests to a neighbour"),
    "unres_qlen_bytes": (range(2**24 + 1), "bytes queued for an unresolved neighbour"),
}
_BY_FOLDER = {
    "ipv4.conf": {
        "accept_local": (_FLAG, "packets from its own addresses are accepted"),
        "accept_redirects": (_FLAG, "ICMP redirects are accepted"),
        "arp_accept": (_THREE, "ARP announcements create neighbour entries"),
        "arp_announce": (_THREE, "the source address of ARP requests"),
        "arp_filter": (_FLAG, "ARP answers only on the interface of the route back"),
        "arp_ignore": (range(9), "the addresses that ARP answers for"),
        "arp_notify": (_FLAG, "the interface announces itself when it comes up"),
        "drop_gratuitous_arp": (_FLAG, "ARP announcements are dropped"),
        "drop_unicast_in_l2_multicast": (_FLAG, "unicast packets in broadcasts are dropped"),
        "forwarding": (_FLAG, "packets that arrive on the interface are forwarded"),
        "ignore_routes_with_linkdown": (_FLAG, "routes of a link without carrier are ignored"),
        "log_martians": (_FLAG, "packets from impossible addresses are logged"),
        "proxy_arp": (_FLAG, "ARP answers for addresses behind other interfaces"),
        "rp_filter": (_THREE, "reverse-path check of sources: 0 off, 1 strict, 2 loose"),
        "secure_redirects": (_FLAG, "ICMP redirects are accepted from known gateways only"),
        "send_redirects": (_FLAG, "ICMP redirects are sent"),
        "src_valid_mark": (_FLAG, "rp_filter uses a packet's mark"),
    },
    "ipv6.conf": {
        "accept_ra": (_THREE, "router advertisements are accepted; 0 by default"),
        "accept_ra_defrtr": (_FLAG, "router advertisements set a default route"),
        "accept_ra_pinfo": (_FLAG, "router advertisements set prefixes"),
        "accept_redirects": (_FLAG, "ICMP redirects are accepted"),
        "accept_untracked_na": (_THREE, "neighbour advertisements create neighbour entries"),
        "autoconf": (_FLAG, "addresses are made from advertised prefixes"),
        "disable_ipv6": (_FLAG, "the endpoint has no IPv6, and takes no IPv6 address"),
        "drop_unicast_in_l2_multicast": (_FLAG, "unicast packets in multicasts are dropped"),
        "drop_unsolicited_na": (_FLAG, "unsolicited neighbour advertisements are dropped"),
        "forwarding": (_FLAG, "packets that arrive on the interface are forwarded"),
        "hop_limit": (range(1, 256), "the hop limit of sent packets"),
        "ignore_routes_with_linkdown": (_FLAG, "routes of a link without carrier are ignored"),
        "ndisc_notify": (_FLAG, "the interface announces itself when it comes up"),
        "proxy_ndp": (_FLAG, "neighbour discovery answers for proxied addresses"),
        "use_tempaddr": (_THREE, "temporary addresses are made and used"),
    },
    "ipv4.neigh": _OF_NEIGHBOURS,
    "ipv6.neigh": _OF_NEIGHBOURS,
}

# By name: the numbers that the kernel accepts, and what the sysctl decides, for people.
SYSCTLS: Mapping[str, tuple[range, str]] = {
    f"net.{folder}.{IFNAME}.{name}": setting
    for folder, settings in _BY_FOLDER.items()
    for name, setting in settings.items()
}

SYSCTL_OPTIONS = tuple(
    Option(name, f"{values[0]} to {values[-1]}: {decides}", whole_number(values))
    for name, (values, decides) in SYSCTLS.items()
)


def sysctls(options: Mapping[str, str], addresses: Sequence[IPInterface]) -> Mapping[str, str]:
    """Return the values to set on the interface in the sandbox, by sysctl.

    An endpoint with IPv6 addresses gets IPv6 although the sandbox may have it off by default.
    Router advertisements are ignored unless the endpoint's options accept them. Addresses and
    routes come from mynet, so that another sandbox cannot become the router.
    """
    asked = asked_sysctls(options)
    return {DISABLE_IPV6: "0", ACCEPT_RA: "0", **asked} if has_ipv6(addresses) else asked


def asked_sysctls(options: Mapping[str, str]) -> Mapping[str, str]:
    """Return those of an endpoint's options that are sysctls."""
    return {key: value for key, value in options.items() if key in SYSCTLS}


def is_of_ipv6(sysctl: str) -> bool:
    """Return whether a sysctl exists only on interfaces with IPv6."""
    return sysctl.startswith("net.ipv6.")
