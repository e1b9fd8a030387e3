"""Reading and writing sysctls of networking.

``/proc/sys/net`` shows the namespace of the thread that opens it, so the caller's.
"""

from pathlib import Path
from typing import Final

from mynet.drivers.linux.kernel_errors import refusals

NET: Final = Path("/proc/sys/net")


def read(setting: Path) -> str:
    """Return the value of a sysctl. Like: ``sysctl KEY``."""
    with refusals(f"read {name_of(setting)}", f"sysctl {name_of(setting)}"):
        return setting.read_text().strip()


def is_on(setting: Path) -> bool:
    """Return whether a sysctl exists and is not 0."""
    return setting.exists() and read(setting) != "0"


def write(setting: Path, value: str) -> None:
    """Like: sysctl -w KEY=VALUE."""
    with refusals(f"set {name_of(setting)}={value}", f"sysctl {name_of(setting)}"):
        setting.write_text(value)


def name_of(setting: Path) -> str:
    """Return the name of a sysctl as sysctl(8) writes it: a dot of a link's name is a slash."""
    parts = setting.relative_to(NET.parent).parts
    return ".".join(part.replace(".", "/") for part in parts)
