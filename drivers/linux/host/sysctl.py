"""The only sysctls that mynet changes: forwarding, and what is of bridges, uplinks and endpoints.

``/proc/sys/net`` shows the namespace of the thread that opens it, so the caller's.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mynet.drivers.linux.host.routes import learned_from_advertisements
from mynet.drivers.linux.kernel_errors import refusals
from mynet.drivers.linux.links.bridges import link_at
from mynet.drivers.linux.netlink.netlink_socket import Netlink

logger = logging.getLogger(__name__)

_NET = Path("/proc/sys/net")
_IPV4 = _NET / "ipv4/ip_forward"
_IPV6 = _NET / "ipv6/conf/all/forwarding"
_BRIDGED = {4: _NET / "bridge/bridge-nf-call-iptables", 6: _NET / "bridge/bridge-nf-call-ip6tables"}

# Of each: the address, the index of its link, prefix length, scope, flags, the link's name. Scope 0
# is global, and one that is for ever has the flag IFA_F_PERMANENT, 0x80.
_ADDRESSES = Path("/proc/thread-self/net/if_inet6")
_PASSING = re.compile(r"^\S+ \S+ \S+ 00 [0-7]\S +(\S+)$", re.MULTILINE)

_IGNORE = "0"  # accept_ra: no router advertisements
_ACCEPT = "1"  # accept_ra: router advertisements, unless this host forwards
_ACCEPT_ALWAYS = "2"


def enable_forwarding(*, ipv4: bool, ipv6: bool) -> None:
    """Turn on what is off of the families asked for. It is never turned off again.

    Like: ``sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1``.
    """
    if ipv4 and _read(_IPV4) == "0":
        _turn_on(_IPV4)
    if ipv6 and _read(_IPV6) == "0":
        hear_advertisements()
        _turn_on(_IPV6)


def hear_advertisements() -> None:
    """Have the uplinks that live by router advertisements hear them, although the host forwards.

    It would ignore them, and it loses its default route the moment that it begins to forward: so
    this comes before. Like: ``sysctl -w net.ipv6.conf.UPLINK.accept_ra=2``.
    """
    for name in _advertised():
        setting = _accept_ra(name)
        if _read(setting) == _ACCEPT:
            _write(setting, _ACCEPT_ALWAYS)
            logger.warning(
                "set %s=2: the host forwards and still has its routes from there", _name(setting)
            )


def forwards() -> frozenset[int]:
    """Return the IP versions that the host forwards; a kernel without IPv6 does not.

    Like: ``sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding``.
    """
    return _switched_on({4: _IPV4, 6: _IPV6})


def bridged() -> frozenset[int]:
    """Tell of which IP versions frames that stay on a bridge pass the host's firewall.

    None where br_netfilter is not loaded. Like: ``sysctl net.bridge.bridge-nf-call-iptables``.
    """
    return _switched_on(_BRIDGED)


def deaf_uplinks() -> Sequence[str]:
    """List the links that have heard router advertisements, and hear no more of them.

    Their default routes are gone: the kernel drops them the moment that it begins to forward.
    """
    if not _IPV6.exists() or _read(_IPV6) == "0":
        return ()
    return [name for name in _advertised() if _read(_accept_ra(name)) == _ACCEPT]


def ignore_advertisements(name: str) -> None:
    """Let the host learn no addresses and no routes from what is on a bridge of ours.

    Otherwise any sandbox could make itself the host's default router, wherever the host does not
    forward IPv6. A kernel without IPv6 has nothing to set.
    Like: ``sysctl -w net.ipv6.conf.NAME.accept_ra=0``.
    """
    setting = _accept_ra(name)
    if setting.exists() and _read(setting) != _IGNORE:
        _write(setting, _IGNORE)


def open_loopback(bridge: str) -> None:
    """Let packets from 127.0.0.1 pass a bridge of ours; the firewall guards the way back.

    It goes with the bridge. Like: ``sysctl -w net.ipv4.conf.BRIDGE.route_localnet=1``.
    """
    setting = _NET / "ipv4/conf" / bridge / "route_localnet"
    if _read(setting) == "0":
        _write(setting, "1")


def set_interface(name: str, settings: Mapping[str, str]) -> None:
    """Set what concerns an interface; in the keys, IFNAME stands for its name.

    Like: ``sysctl -w net.ipv4.conf.NAME.rp_filter=2``.
    """
    for key, value in settings.items():
        _write(_of_interface(name, key), value)


def read_interface(name: str, keys: Iterable[str]) -> dict[str, str]:
    """Tell what concerns an interface; "" where it is not there. Like: ``sysctl KEY...``."""
    found = dict.fromkeys(keys, "")
    for key in found:
        with suppress(OSError):
            found[key] = _of_interface(name, key).read_text().strip()
    return found


def _of_interface(name: str, key: str) -> Path:
    """Return where a setting is: only the interface's name may have dots of its own."""
    return _NET.parent.joinpath(*(name if part == "IFNAME" else part for part in key.split(".")))


def is_loopback_open(bridge: str) -> bool:
    """Say whether packets from 127.0.0.1 may pass a bridge, which may be gone."""
    setting = _NET / "ipv4/conf" / bridge / "route_localnet"
    return setting.exists() and _read(setting) != "0"


def _switched_on(settings: Mapping[int, Path]) -> frozenset[int]:
    """Tell of which IP versions a setting is on; one that is not there is not."""
    return frozenset(
        version
        for version, setting in settings.items()
        if setting.exists() and _read(setting) != "0"
    )


def _turn_on(setting: Path) -> None:
    _write(setting, "1")
    logger.warning("turned on IP forwarding on this host (%s): a network needs it", _name(setting))


def _advertised() -> Sequence[str]:
    """List the names of the links with a route from a router advertisement, or an address."""
    with Netlink() as nl:
        links = [link_at(nl, index) for index in learned_from_advertisements(nl)]
    return sorted({link.name for link in links if link is not None} | _with_passing_addresses())


def _with_passing_addresses() -> frozenset[str]:
    """List the names of the links with a global IPv6 address that is not for ever.

    The text is searched because a host with many networks has thousands of addresses that are.
    Like: ``ip -6 address show scope global dynamic``.
    """
    return (
        frozenset(_PASSING.findall(_ADDRESSES.read_text())) if _ADDRESSES.exists() else frozenset()
    )


def _accept_ra(name: str) -> Path:
    return _NET / "ipv6/conf" / name / "accept_ra"


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
