"""Reading and writing sysctls of networking.

``/proc/sys/net`` shows the namespace of the thread that opens it, so the caller's.
"""

import errno
from pathlib import Path
from typing import Final

from mynet.drivers.linux.kernel_errors import refusals, refused

NET: Final = Path("/proc/sys/net")

_INTERFACE: Final = 2  # the place of an interface's name in ipv4/conf/NAME/SETTING
# What turns on forwarding on all interfaces, and on those to come, by IP version.
_FORWARDING: Final = {"ipv4": NET / "ipv4/ip_forward", "ipv6": NET / "ipv6/conf/all/forwarding"}
_SETTINGS_OF_INTERFACES: Final = frozenset({"conf", "neigh"})
# The errnos of a file below /proc/sys that this process may not change.
_NOT_WRITABLE: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_ABSENT: Final = frozenset({errno.ENOENT, errno.EINVAL})
_MISSING: Final = (
    "this kernel does not have the sysctl or the value, or the interface is gone: call again, and"
    " without the option if one asks for it"
)


def read(setting: Path) -> str:
    """Return the value of a sysctl. Like: ``sysctl KEY``."""
    with refusals(f"read {name_of(setting)}", f"sysctl {name_of(setting)}"):
        return setting.read_text().strip()


def is_on(setting: Path) -> bool:
    """Return whether a sysctl exists and is not 0."""
    return setting.exists() and read(setting) != "0"


def write(setting: Path, value: str) -> None:
    """Set a sysctl, unless it has the value already. Like: ``sysctl -w KEY=VALUE``.

    Where ``/proc/sys`` is read-only, the host's administrator can set the value in advance.
    """
    try:
        if setting.read_text().strip() != value:
            setting.write_text(value)
    except OSError as error:
        number, name = error.errno or errno.EIO, name_of(setting)
        remedy = _MISSING if number in _ABSENT else ""
        if number in _NOT_WRITABLE:
            remedy = _remedy(setting, value)
        raise refused(number, f"set {name}={value}", f"sysctl {name}", remedy=remedy) from error


def name_of(setting: Path) -> str:
    """Return the name of a sysctl as sysctl(8) writes it: a dot of a link's name is a slash."""
    parts = setting.relative_to(NET.parent).parts
    return ".".join(part.replace(".", "/") for part in parts)


def _remedy(setting: Path, value: str) -> str:
    """Return what to do where mynetd may not write a sysctl.

    The sysctl of an interface cannot be set before the interface exists, but its default can.
    """
    family, kind, *_ = parts = setting.relative_to(NET).parts
    place = "on the host"
    if kind == "conf" and parts[-1] == "forwarding":
        setting = _FORWARDING[family]
    elif kind in _SETTINGS_OF_INTERFACES and parts[_INTERFACE] not in ("all", "default"):
        setting = NET.joinpath(family, kind, "default", *parts[_INTERFACE + 1 :])
        place = "in the network namespace of the interface, before it is made"
    return (
        f"run as root, {place}: sysctl -w {name_of(setting)}={value}; or let mynetd write to"
        " /proc/sys (systemd: ProtectKernelTunables=no; in a container: privileged);"
        " docs/mynetd.md has all sysctls that mynetd sets"
    )
