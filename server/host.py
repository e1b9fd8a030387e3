"""What the core asks of the host's kernel; ``mynet.drivers.linux`` answers, and its fake in tests.

Everything that changes the kernel goes through a driver. The core only looks, to choose names that
are free and to know which namespace it is talking about.
"""

from pathlib import Path
from typing import Protocol

from mynet.drivers.api import Sandbox

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Host(Protocol):
    """The host as the core sees it."""

    def identify(self, path: str) -> Sandbox:
        """Say which namespace a path leads to. Raises ``drivers.errors.SandboxNotFound``."""

    def exists(self, sandbox: Sandbox) -> bool:
        """Say whether that namespace still lives, be it under another path."""

    def device_names(self, sandbox: Sandbox | None) -> frozenset[str]:
        """Return the names of all devices in a namespace; None is the daemon's own."""

    def uplink_mtu(self) -> int:
        """Return the MTU, in bytes, of the device that the host's default route leaves by."""


def boot_id() -> str:
    """Return what tells this boot from any other. Source: random(4)."""
    return _BOOT_ID.read_text(encoding="ascii").strip()
