"""The only sysctls that mynet changes: IP forwarding, and what passes a bridge of ours.

``/proc/sys/net`` shows the namespace of the thread that opens it, so the caller's.
"""

import logging
from pathlib import Path

from mynet.drivers.linux.links import link_at
from mynet.drivers.linux.netlink import Netlink
from mynet.drivers.linux.refusals import refusals
from mynet.drivers.linux.routes import learned_from_advertisements

logger = logging.getLogger(__name__)

_NET = Path("/proc/sys/net")
_IPV4 = _NET / "ipv4/ip_forward"
_IPV6 = _NET / "ipv6/conf/all/forwarding"

_IGNORE = "0"  # accept_ra: no router advertisements
_ACCEPT = "1"  # accept_ra: router advertisements, unless this host forwards
_ACCEPT_ALWAYS = "2"


def enable_forwarding(*, ipv4: bool, ipv6: bool) -> None:
    """Turn on what is off of the families asked for. It is never turned off again.

    A host that forwards IPv6 ignores router advertisements, and so would lose its own default
    route when that expires: first the uplinks that live by them are told to go on.
    Like: ``sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1``.
    """
    if ipv4 and _read(_IPV4) == "0":
        _turn_on(_IPV4)
    if ipv6 and _read(_IPV6) == "0":
        _keep_advertisements()
        _turn_on(_IPV6)


def forwards() -> frozenset[int]:
    """Return the IP versions that the host forwards; a kernel without IPv6 does not.

    Like: ``sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding``.
    """
    settings = {4: _IPV4, 6: _IPV6}
    return frozenset(
        version
        for version, setting in settings.items()
        if setting.exists() and _read(setting) != "0"
    )


def ignore_advertisements(name: str) -> None:
    """Let the host learn no addresses and no routes from what is on a bridge of ours.

    Otherwise any sandbox could make itself the host's default router, wherever the host does not
    forward IPv6. A kernel without IPv6 has nothing to set.
    Like: ``sysctl -w net.ipv6.conf.NAME.accept_ra=0``.
    """
    setting = _NET / "ipv6/conf" / name / "accept_ra"
    if setting.exists() and _read(setting) != _IGNORE:
        _write(setting, _IGNORE)


def open_loopback(bridge: str) -> None:
    """Let packets from 127.0.0.1 pass a bridge of ours; the firewall guards the way back.

    It goes with the bridge. Like: ``sysctl -w net.ipv4.conf.BRIDGE.route_localnet=1``.
    """
    setting = _NET / "ipv4/conf" / bridge / "route_localnet"
    if _read(setting) == "0":
        _write(setting, "1")


def is_loopback_open(bridge: str) -> bool:
    """Say whether packets from 127.0.0.1 may pass a bridge, which may be gone."""
    setting = _NET / "ipv4/conf" / bridge / "route_localnet"
    return setting.exists() and _read(setting) != "0"


def _turn_on(setting: Path) -> None:
    _write(setting, "1")
    logger.warning("turned on IP forwarding on this host (%s): a network needs it", _name(setting))


def _keep_advertisements() -> None:
    """Like: sysctl -w net.ipv6.conf.UPLINK.accept_ra=2."""
    with Netlink() as nl:
        links = [link_at(nl, index) for index in learned_from_advertisements(nl)]
    for link in links:
        if link is None:
            continue
        setting = _NET / "ipv6/conf" / link.name / "accept_ra"
        if _read(setting) == _ACCEPT:
            _write(setting, _ACCEPT_ALWAYS)
            logger.warning(
                "set %s=2: the host forwards and still has its routes from there", _name(setting)
            )


def _name(setting: Path) -> str:
    """Write a setting as sysctl(8) does; a dot of an interface's name becomes a slash."""
    parts = setting.relative_to(_NET.parent).parts
    return ".".join(part.replace(".", "/") for part in parts)


def _read(setting: Path) -> str:
    with refusals(f"read {_name(setting)}", f"sysctl {_name(setting)}"):
        return setting.read_text().strip()


def _write(setting: Path, value: str) -> None:
    with refusals(f"set {_name(setting)}={value}", f"sysctl {_name(setting)}"):
        setting.write_text(value)
