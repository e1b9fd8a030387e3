"""The daemon's settings. Each is a flag, a key of the config file, and a MYNET_* variable."""

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import click

from mynet.server.model.callers import Listener, Role, parse_listener
from mynet.server.model.limits import Limits
from mynet.server.model.special_purpose import why_unusable_by_networks
from mynet.server.model.subnets import LONGEST, AddressPool, Defaults

DEFAULT_LISTEN = "unix:///run/mynet/mynetd.sock"
DEFAULT_STATE_DIR = Path("/var/lib/mynet")

# 16,384 networks of 254 addresses, in a part of 10/8 that few use. The others come after it, where
# the host routes all of 10/8 elsewhere, as a VPN of a company does.
DEFAULT_POOLS = tuple(
    AddressPool(IPv4Network(base), 24)
    for base in ("10.192.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
_ULA_SUBNET = 64
_GLOBAL_ID = 5  # bytes
_MACHINE_ID = Path("/etc/machine-id")
_MACHINE_ID_FORM = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. Times are in seconds."""

    listen: tuple[Listener, ...]
    state_dir: Path
    plugin_timeout: float
    shutdown_grace: float
    pools: tuple[AddressPool, ...]
    cooldown: float
    retention: float
    heal: bool = True
    # Where callers may have backups written, if anywhere.
    backup_dir: Path | None = None
    limits: Limits = field(default_factory=Limits)

    def defaults(self, instance: str) -> Defaults:
        """Return the defaults of subnets for the daemon with this state."""
        pools = self.pools or (*DEFAULT_POOLS, *ula_pools(instance))
        return Defaults(pools, self.cooldown, self.retention)


class Seconds(click.FloatRange):
    """A setting in seconds. It refuses nan and inf, which are numbers to Python."""

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse a setting. Raises click.BadParameter."""
        seconds: float = super().convert(value, param, ctx)
        if not seconds <= LONGEST:
            self.fail(f"{value} is not up to {LONGEST} seconds", param, ctx)
        return seconds


def ula_pools(instance: str) -> tuple[AddressPool, ...]:
    """Return /48s of unique local addresses (RFC 4193) that are the same at every start.

    The second one is for a host that routes the first one elsewhere. They are derived from the
    machine's id, or from the instance of the state where there is none.
    Source: machine-id(5), which has a word in place of the id until the first boot has ended.
    """
    try:
        seed = _MACHINE_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        seed = ""
    if not _MACHINE_ID_FORM.fullmatch(seed):
        seed = ""
    digest = hashlib.sha256(f"mynet {seed or instance}".encode()).digest()
    return tuple(
        AddressPool(IPv6Network((b"\xfd" + global_id + bytes(10), 48)), _ULA_SUBNET)
        for global_id in (digest[:_GLOBAL_ID], digest[-_GLOBAL_ID:])
    )


def parse_pools(given: Sequence[str]) -> tuple[AddressPool, ...]:
    """Parse default pools, each as base=10.64.0.0/10,size=24. Raises click.BadParameter."""
    pools: list[AddressPool] = []
    for text in given:
        try:
            fields = dict(part.split("=", 1) for part in text.split(","))
            pool = AddressPool(ip_network(fields.pop("base")), int(fields.pop("size")))
        except (ValueError, KeyError) as error:
            raise click.BadParameter(f"{text!r}: write base=10.64.0.0/10,size=24") from error
        if fields or not pool.base.prefixlen <= pool.prefixlen <= pool.base.max_prefixlen:
            raise click.BadParameter(
                f"{text!r}: size is a prefix length from {pool.base.prefixlen} to"
                f" {pool.base.max_prefixlen}, and base and size are the only keys"
            )
        if reason := why_unusable_by_networks(pool.base):
            raise click.BadParameter(f"{text!r} cannot be used by networks: {reason}")
        if other := next((other for other in pools if other.base.overlaps(pool.base)), None):
            raise click.BadParameter(f"{text!r}: shares addresses with {other.base}")
        pools.append(pool)
    return tuple(pools)


def read_file(path: Path, known: Mapping[str, click.Parameter]) -> dict[str, object]:
    """Read a TOML config file. Raises click.BadParameter.

    An unknown key is refused, and so is a value of another type than the option's, which click
    would convert.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.BadParameter(f"{path} cannot be read as TOML: {error}") from error
    if unknown := sorted(values.keys() - known.keys()):
        raise click.BadParameter(
            f"{path} has unknown keys {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    for key, value in values.items():
        if expected := _expected_type(known[key], value):
            raise click.BadParameter(f"{path}: {key} is {expected}, not {value!r}")
    return values


def _expected_type(option: click.Parameter, value: object) -> str:
    """Return which type an option's value must have, or "" where it has that type."""
    if option.multiple:
        fits = isinstance(value, list) and value and all(isinstance(item, str) for item in value)
        return "" if fits else "a list of texts"
    if isinstance(option, click.Option) and option.is_flag:
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(option.type, click.IntRange):
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if is_whole else "a whole number"
    if isinstance(option.type, click.FloatRange):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if fits else "a number"
    return "" if isinstance(value, str) else "a text"


def listeners(addresses: Mapping[Role, Sequence[str]], *, insecure: bool) -> tuple[Listener, ...]:
    """Return the listeners of each role.

    Raises click.BadParameter for a malformed address, and for TCP without ``insecure``.
    """
    found: list[Listener] = []
    for role, texts in addresses.items():
        for text in texts:
            try:
                listener = parse_listener(text, role)
            except ValueError as error:
                raise click.BadParameter(str(error)) from error
            if listener.path is None and not insecure:
                raise click.BadParameter(
                    f"{text}: every program that reaches a TCP address can call it, without a"
                    f" password and in the role {role.name.lower()}; add --insecure to accept that"
                )
            if any(other.address == listener.address for other in found):
                raise click.BadParameter(f"{listener.address} is named twice")
            found.append(listener)
    return tuple(found)
