"""The daemon's settings. Each is a flag, a key of the config file, and a MYNET_* variable."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import click

from mynet.server.model.callers import Listener, Role, parse_listener
from mynet.server.model.limits import Limits
from mynet.server.model.special_purpose import why_unusable_by_networks
from mynet.server.model.subnets import LONGEST, AddressPool, Defaults
from mynet.server.tls import TlsFiles

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
    # The path of the audit log, "-" for standard output, "" for none.
    audit_log: str = ""
    limits: Limits = field(default_factory=Limits)
    # What listeners on TCP use, unless they are insecure.
    tls: TlsFiles | None = None
    # Where the daemon reads the roles of principals.
    config_file: Path | None = field(default=None, compare=False)

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
    """Parse default pools, each as base=10.64.0.0/10,size=24.

    Raises click.BadParameter with all faults.
    """
    pools: list[AddressPool] = []
    faults: list[str] = []
    for text in given:
        try:
            pools.append(_parse_pool(text, pools))
        except ValueError as error:
            faults.append(f"{text!r}{error}")
    if faults:
        raise click.BadParameter("; ".join(faults))
    return tuple(pools)


def _parse_pool(text: str, others: Sequence[AddressPool]) -> AddressPool:
    """Parse a default pool. Raises ValueError."""
    try:
        fields = dict(part.split("=", 1) for part in text.split(","))
        pool = AddressPool(ip_network(fields.pop("base")), int(fields.pop("size")))
    except (ValueError, KeyError) as error:
        raise ValueError(": write base=10.64.0.0/10,size=24") from error
    if fields or not pool.base.prefixlen <= pool.prefixlen <= pool.base.max_prefixlen:
        raise ValueError(
            f": size is a prefix length from {pool.base.prefixlen} to"
            f" {pool.base.max_prefixlen}, and base and size are the only keys"
        )
    if reason := why_unusable_by_networks(pool.base):
        raise ValueError(f" cannot be used by networks: {reason}")
    if other := next((other for other in others if other.base.overlaps(pool.base)), None):
        raise ValueError(f": shares addresses with {other.base}")
    return pool


def listeners(
    addresses: Mapping[Role, Sequence[str]],
    *,
    insecure: bool,
    tls: bool,
    inherited: Sequence[Listener] = (),
    credentials: bool = False,
) -> tuple[Listener, ...]:
    """Return the listeners of each role, and those that are ``inherited``.

    With ``credentials``, the daemon asks for those of callers.

    Raises click.BadParameter for a malformed address, and for TCP that is neither ``insecure`` nor
    ``tls``.
    """
    if insecure and tls:
        raise click.BadParameter("--insecure and --tls-cert exclude each other; leave one of them")
    found = [*inherited]
    faults: list[str] = []
    for role, texts in addresses.items():
        for text in texts:
            try:
                listener = parse_listener(text, role, tls=tls)
            except ValueError as error:
                faults.append(str(error))
                continue
            if listener.path is None and not insecure and not tls:
                faults.append(
                    f"{text}: every program that reaches a TCP address can call it, without a"
                    f" password and in the role {role.name.lower()}; name the files of TLS with"
                    " --tls-cert, --tls-key and --tls-client-ca, or add --insecure to accept that"
                )
            if any(other.address == listener.address for other in found):
                faults.append(f"{listener.address} is named twice")
            found.append(replace(listener, credentials=credentials))
    if faults:
        raise click.BadParameter("; ".join(faults))
    return tuple(found)


def require_addresses(texts: Sequence[str]) -> None:
    """Raise click.BadParameter with all faults if addresses to listen on are malformed."""
    faults: list[str] = []
    for text in texts:
        try:
            parse_listener(text, Role.READER)
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise click.BadParameter("; ".join(faults))


def tls_files(
    certificate: Path | None, key: Path | None, client_ca: Path | None
) -> TlsFiles | None:
    """Return the files of TLS, or None where none is named.

    Raises click.BadParameter where one is missing or cannot be used. Without an authority for the
    certificates of callers, every program that reaches the address could call.
    """
    paths = {"--tls-cert": certificate, "--tls-key": key, "--tls-client-ca": client_ca}
    if not any(paths.values()):
        return None
    if not (certificate and key and client_ca):
        missing = " and ".join(option for option, path in paths.items() if path is None)
        raise click.BadParameter(f"TLS also needs {missing}; callers prove their names with it")
    files = TlsFiles(certificate, key, client_ca)
    try:
        files.read()
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return files
