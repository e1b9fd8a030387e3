"""What the core asks of the host's kernel. ``mynet.drivers.linux`` implements it, and its fake.

Only drivers change the kernel. The core reads it, to choose free names and to identify namespaces.
And it reserves published ports, so that no other program takes them, whichever driver forwards
them.
"""

import contextlib
import functools
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Protocol

from mynet.drivers.api import IPNetwork
from mynet.drivers.linux.interface.ports import Ports
from mynet.drivers.linux.interface.sandboxes import Sandboxes

_RESOLV_CONF = Path("/etc/resolv.conf")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Links(Protocol):
    """The devices of the daemon's own namespace."""

    def has_device(self, name: str) -> bool:
        """Return whether a device has that name."""

    def foreign_devices(self, instance: str) -> Sequence[str]:
        """Return the names of devices that carry another instance's mark."""


class Routes(Protocol):
    """The host's own routes."""

    def ip_versions(self) -> frozenset[int]:
        """Return the IP versions that the kernel has: always IPv4, and IPv6 unless it is off."""

    def uplink_mtu(self) -> int:
        """Return the MTU in bytes of the default route's device, 1500 if there is none."""

    def occupied_subnets(self) -> Sequence[IPNetwork]:
        """Return the subnets of the host's addresses and routes in all tables, without defaults."""


class Host(Protocol):
    """What the core asks of :class:`mynet.drivers.linux.interface.kernel.Kernel`."""

    @property
    def sandboxes(self) -> Sandboxes:
        """The network namespaces that endpoints are in."""

    @property
    def links(self) -> Links:
        """The devices of the daemon's own namespace."""

    @property
    def ports(self) -> Ports:
        """The ports of the host."""

    @property
    def host(self) -> Routes:
        """The host's own routes."""


def nameservers() -> Sequence[IPNetwork]:
    """Return the addresses of the host's nameservers, each as a subnet. Source: resolv.conf(5)."""
    try:
        lines = _RESOLV_CONF.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    named = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
    subnets: list[IPNetwork] = []
    for name in named:
        with contextlib.suppress(ValueError):
            subnets.append(ip_network(name.partition("%")[0]))  # fe80::1%eth0 is an address too
    return subnets


@functools.cache  # no process outlives its boot
def boot_id() -> str:
    """Return the unique id of this boot of the host. Source: random(4)."""
    return _BOOT_ID.read_text(encoding="ascii").strip()
