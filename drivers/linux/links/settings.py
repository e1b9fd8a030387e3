"""Sysctls of single links: of the daemon's bridges, and of endpoints."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from mynet.drivers.linux import sysctl
from mynet.drivers.linux.netlink.links import link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.bridge_settings import settings_of
from mynet.drivers.linux.values.desired import Bridge
from mynet.drivers.linux.values.observed import Link


def apply_settings(nl: Netlink, bridge: Bridge, link: Link) -> None:
    """Set those settings of a bridge that keep packets from passing; others stay.

    A setting that the kernel does not have, such as one of IPv6, stays missing.
    Like: ``sysctl -w net.ipv4.conf.NAME.forwarding=1``; ``ip link set NAME type bridge ...``.
    """
    for setting in settings_of(bridge):
        if link.settings.get(setting.name, setting.value) in setting.accepted:
            continue
        if setting.is_sysctl:
            sysctl.write(_path(bridge.name, setting.name), str(setting.value))
        else:
            message = link_requests.set_bridge_option(link.index, setting.name, setting.value)
            doing = f"set {setting.name} of {bridge.name} to {setting.value}"
            nl.ask(Request(message, doing, f"interface {bridge.name}"))


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
