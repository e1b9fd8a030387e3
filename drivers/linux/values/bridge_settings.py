"""The settings of a bridge that decide whether packets pass, and the values that let them pass.

The kernel's message about a link has all of its sysctls, so that nothing else is read for them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mynet.drivers.api import IPV4, IPV6
from mynet.drivers.linux.values.desired import Bridge

STP: Final = "stp_state"
VLAN_FILTERING: Final = "vlan_filtering"
MCAST_SNOOPING: Final = "mcast_snooping"

FORWARDING: Final = {
    IPV4: "net.ipv4.conf.IFNAME.forwarding",
    IPV6: "net.ipv6.conf.IFNAME.forwarding",
}
ARP_IGNORE: Final = "net.ipv4.conf.IFNAME.arp_ignore"
DISABLE_IPV6: Final = "net.ipv6.conf.IFNAME.disable_ipv6"
ACCEPT_RA: Final = "net.ipv6.conf.IFNAME.accept_ra"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a bridge as it should be."""

    # A sysctl, where IFNAME stands for the bridge, or an option of ``ip link set type bridge``.
    name: str
    # What the setting is set to, unless it has an accepted value.
    value: int
    accepted: frozenset[int]
    # What does not work with another value, after the name of the bridge.
    consequence: str

    @property
    def is_sysctl(self) -> bool:
        """Whether the setting is a file below /proc/sys."""
        return self.name.startswith("net.")


def settings_of(bridge: Bridge) -> Iterator[Setting]:
    """Yield the settings of a bridge."""
    yield Setting(STP, 0, frozenset({0}), "keeps new ports closed for 30 seconds")
    yield Setting(VLAN_FILTERING, 0, frozenset({0}), "filters frames by VLAN")
    # A sandbox that sends queries would decide which multicasts its neighbours get. While none
    # does, a bridge passes all to all, and snooping only keeps a table that a sandbox can fill.
    yield Setting(MCAST_SNOOPING, 0, frozenset({0}), "withholds multicasts once one port queries")
    # 8 refuses all ARP requests, and 4 to 7 are reserved.
    yield Setting(ARP_IGNORE, 0, frozenset(range(4)), "answers no ARP requests")
    for version in sorted(bridge.forwards):
        name = FORWARDING[version]
        yield Setting(name, 1, frozenset({1}), f"does not forward IPv{version}")
    if any(address.version == IPV6 for address in bridge.addresses):
        yield Setting(DISABLE_IPV6, 0, frozenset({0}), "has no IPv6")
    if IPV6 not in bridge.versions:
        return
    # Otherwise any sandbox could become the host's default router where the host does not forward.
    yield Setting(ACCEPT_RA, 0, frozenset({0}), "accepts router advertisements of sandboxes")
