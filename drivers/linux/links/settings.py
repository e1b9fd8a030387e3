"""Sysctls of single links: of the daemon's bridges, and of endpoints."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from mynet.drivers.linux import sysctl

_IGNORE_ADVERTISEMENTS: Final = "0"  # accept_ra


def ignore_router_advertisements(bridge: str) -> None:
    """Keep the host from learning addresses and routes from what is on a bridge.

    Otherwise any sandbox could become the host's default router where the host does not forward
    IPv6. A kernel without IPv6 has nothing to set.
    Like: ``sysctl -w net.ipv6.conf.NAME.accept_ra=0``.
    """
    setting = sysctl.NET / "ipv6/conf" / bridge / "accept_ra"
    if setting.exists() and sysctl.read(setting) != _IGNORE_ADVERTISEMENTS:
        sysctl.write(setting, _IGNORE_ADVERTISEMENTS)


def route_localnet(bridge: str) -> Path:
    """Return the sysctl that allows packets from 127.0.0.1 on a bridge."""
    return sysctl.NET / "ipv4/conf" / bridge / "route_localnet"


def write_settings(interface: str, settings: Mapping[str, str]) -> None:
    """Write sysctls of an interface; in the keys, IFNAME stands for its name.

    Like: ``sysctl -w net.ipv4.conf.NAME.rp_filter=2``.
    """
    for key, value in settings.items():
        sysctl.write(_path(interface, key), value)


def read_settings(interface: str, keys: Iterable[str]) -> dict[str, str]:
    """Return sysctls of an interface by key, "" for a missing one. Like: ``sysctl KEY``."""
    values = dict.fromkeys(keys, "")
    for key in values:
        with suppress(OSError):
            values[key] = _path(interface, key).read_text().strip()
    return values


def _path(interface: str, key: str) -> Path:
    """Return the file of a sysctl. Only the interface's name may have dots of its own."""
    parts = (interface if part == "IFNAME" else part for part in key.split("."))
    return sysctl.NET.parent.joinpath(*parts)
