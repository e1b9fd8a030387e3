"""The daemon's settings. Each is a flag, a key of the config file, and a MYNET_* variable."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

DEFAULT_LISTEN = "unix:///run/mynet/mynetd.sock"
DEFAULT_STATE_DIR = Path("/var/lib/mynet")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; times are in seconds."""

    listen: tuple[str, ...]
    state_dir: Path
    plugin_timeout: float
    shutdown_grace: float


def read_file(path: Path, known: Mapping[str, object]) -> dict[str, object]:
    """Read a TOML config file. A key that is not known is refused, with those that are."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.BadParameter(f"{path} cannot be read: {error}") from error
    if unknown := sorted(found.keys() - known.keys()):
        raise click.BadParameter(
            f"{path} has unknown keys {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    return found


def check_listen(addresses: tuple[str, ...], *, insecure: bool) -> None:
    """Refuse addresses that are malformed, and TCP where the risk was not accepted."""
    for address in addresses:
        if address.startswith("unix://"):
            if not address.startswith("unix:///"):
                raise click.BadParameter(f"{address}: write it as unix:///run/mynet/mynetd.sock")
            continue
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise click.BadParameter(f"{address} is neither unix:///PATH nor HOST:PORT")
        if not insecure:
            raise click.BadParameter(
                f"{address}: whoever reaches a TCP address rules this host's networks; add"
                " --insecure if that is meant"
            )
