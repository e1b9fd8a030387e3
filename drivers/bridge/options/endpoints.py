"""The options of an endpoint: its bandwidth, what it may send, and sysctls of its interface.

::

    bandwidth_egress=10Mbit             see bandwidth.py
    manage_inside=false                 the sandbox's inside is its owner's after Connect
    spoof_check=false                   see guard.py
    net.ipv4.conf.IFNAME.rp_filter=2    see sysctls.py
"""

from collections.abc import Mapping

from mynet.drivers.api import IPV4, IPV6, Endpoint, Option
from mynet.drivers.bridge.options.bandwidth import BANDWIDTH_OPTIONS
from mynet.drivers.bridge.options.guard import GUARD_OPTIONS
from mynet.drivers.bridge.options.sysctls import (
    DISABLE_IPV6,
    SYSCTL_OPTIONS,
    asked_sysctls,
    is_of_ipv6,
)
from mynet.drivers.bridge.options.values import true_or_false
from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.links.mac import mac_from

MANAGE_INSIDE = "manage_inside"
IPV6_MTU = 1280  # RFC 8200, 5: the kernel switches IPv6 off on a smaller interface

ENDPOINT_OPTIONS = (
    Option(
        MANAGE_INSIDE,
        "true (the default) or false: whether mynet checks and repairs the interface in the sandbox"
        " after Connect",
        true_or_false,
    ),
    *BANDWIDTH_OPTIONS,
    *GUARD_OPTIONS,
    *SYSCTL_OPTIONS,
)


def manages_inside(endpoint: Endpoint) -> bool:
    """Return whether the inner end is the daemon's, and can be reached."""
    return endpoint.reachable and endpoint.options.get(MANAGE_INSIDE) != "false"


def address_versions(options: Mapping[str, str]) -> frozenset[int]:
    """Return the IP versions that an endpoint with these options gets addresses of."""
    return frozenset({IPV4} if options.get(DISABLE_IPV6) == "1" else {IPV4, IPV6})


def require_usable(endpoint: Endpoint) -> None:
    """Raise CapabilityUnsupported for sysctls that cannot be set, and the bridge's MAC address."""
    if endpoint.mac_address == mac_from(endpoint.network.id):
        raise CapabilityUnsupported(
            f"{endpoint.mac_address} is the MAC address of {endpoint.network.interface}, the bridge"
            f" of network {endpoint.network.name}: give another, or none to have one derived",
            resource=f"interface {endpoint.interface}",
        )
    asked = asked_sysctls(endpoint.options)
    if endpoint.network.mtu < IPV6_MTU and (of_ipv6 := [*filter(is_of_ipv6, asked)]):
        raise CapabilityUnsupported(
            f"{', '.join(of_ipv6)} cannot be set: network {endpoint.network.name} has an MTU of"
            f" {endpoint.network.mtu}, and the kernel has no IPv6 on interfaces of less than"
            f" {IPV6_MTU}; leave the option out, or make a network with a larger MTU",
            resource=f"interface {endpoint.interface}",
        )
    if endpoint.sandbox is None and asked:
        raise CapabilityUnsupported(
            f"{', '.join(asked)} cannot be set without a sandbox, because the caller moves"
            f" {endpoint.interface}: name the sandbox, or set them there yourself",
            resource=f"interface {endpoint.interface}",
        )
