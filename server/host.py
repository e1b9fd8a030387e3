"""What the core asks of the host's kernel; ``mynet.drivers.linux`` answers, and its fake in tests.

Everything that changes the kernel goes through a driver. The core only looks, to choose names that
are free and to know which namespace it is talking about; and it holds published ports, so that they
are free, and stay so, whichever driver leads them anywhere.
"""

import contextlib
import functools
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Protocol

from mynet.drivers.api import IPNetwork, Sandbox
from mynet.drivers.linux.values.ports import Binding, Hold, Program

_RESOLV_CONF = Path("/etc/resolv.conf")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Host(Protocol):
    """The host as the core sees it."""

    def identify(self, path: str) -> Sandbox:
        """Say which namespace a path leads to. Raises ``drivers.errors.SandboxNotFound``."""

    def exists(self, sandbox: Sandbox) -> bool:
        """Say whether that namespace still lives, be it under another path."""

    def locate(self, sandboxes: Iterable[Sandbox]) -> Mapping[int, str]:
        """Return a path that leads to each of the namespaces that still live, by its cookie."""

    def foreigners(self, instance: str) -> Sequence[str]:
        """Return the names of devices that carry another instance's mark."""

    def device_names(self, sandbox: Sandbox) -> frozenset[str]:
        """Return the names of all devices in a namespace."""

    def has_device(self, name: str) -> bool:
        """Say whether a device in the daemon's own namespace has that name."""

    def uplink_mtu(self) -> int:
        """Return the MTU, in bytes, of the device that the host's default route leaves by."""

    def occupied(self) -> Sequence[IPNetwork]:
        """Return where the host's addresses and routes lead, of all tables, but for defaults."""

    def choosable_ports(self) -> Sequence[range]:
        """Return the ports that the kernel chooses from, without those that are reserved."""

    def hold(self, binding: Binding) -> Hold | None:
        """Hold a port of the host; None where another program has it.

        Raises ``drivers.errors.PortsExhausted`` where no file descriptor is left for it.
        """

    def program_at(self, binding: Binding) -> Program | None:
        """Return which program has a port, or None where that cannot be seen."""


def nameservers() -> Sequence[IPNetwork]:
    """Return the addresses of the host's nameservers, each as a subnet. Source: resolv.conf(5)."""
    try:
        lines = _RESOLV_CONF.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    named = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
    found: list[IPNetwork] = []
    for name in named:
        with contextlib.suppress(ValueError):
            found.append(ip_network(name.partition("%")[0]))  # fe80::1%eth0 is an address too
    return found


@functools.cache  # no process outlives its boot
def boot_id() -> str:
    """Return what tells this boot from any other. Source: random(4)."""
    return _BOOT_ID.read_text(encoding="ascii").strip()
