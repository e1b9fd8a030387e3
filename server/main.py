"""The command ``mynetd``."""

import errno
import os
from pathlib import Path

import click

from mynet.drivers.errors import DriverError
from mynet.drivers.linux.kernel_errors import remedy_of
from mynet.ipam.errors import IpamError
from mynet.server import memory
from mynet.server.config import config_file
from mynet.server.config.limit_options import limit_options
from mynet.server.config.listening_options import ListeningOptions, listening_options
from mynet.server.config.option_faults import Options
from mynet.server.config.settings import DEFAULT_STATE_DIR, Seconds, Settings, parse_pools
from mynet.server.errors import NO_THREAD, CannotStart, is_without_thread
from mynet.server.logs.program_log import Format, configured
from mynet.server.model.limits import Limits
from mynet.server.model.subnets import AddressPool
from mynet.server.offline.commands import fsck, restore

# Keys of click's context. The config file has other keys.
_CHECK, _FILE = "mynet.check_config", "mynet.config_file"
_UMASK = 0o077  # files are the daemon's own; what others may use gets its mode explicitly


def _load(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    """Read the config file as defaults. Flags and environment variables override it."""
    if value is not None:
        known = {
            option.name: option
            for option in context.command.params
            if option.name and option.expose_value
        }
        context.default_map = config_file.read_options(value, known)
        context.meta[_FILE] = value


def _remember(context: click.Context, _: click.Parameter, value: object) -> None:
    context.meta[_CHECK] = value


def _parse_pools(
    _context: click.Context, _: click.Parameter, value: tuple[str, ...]
) -> tuple[AddressPool, ...]:
    return parse_pools(value)


@click.group(
    cls=Options,
    invoke_without_command=True,
    context_settings={"auto_envvar_prefix": "MYNET", "show_default": True},
)
@click.version_option(package_name="mynetd", message="%(prog)s %(version)s")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_load,
    help="A TOML file with any of these options, such as state_dir = '/srv/mynet'.",
)
@click.option(
    "--check-config",
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help="Check the options, the environment and the config file, and do not start.",
)
@listening_options
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_STATE_DIR,
    help="Directory for the records of networks, endpoints and addresses. One daemon a directory.",
)
@click.option(
    "--plugin-timeout",
    type=Seconds(min=0.1),
    metavar="SECONDS",
    default=30.0,
    help="How long a call waits for a driver or an IPAM backend.",
)
@click.option(
    "--shutdown-grace",
    type=Seconds(min=0),
    metavar="SECONDS",
    default=10.0,
    help="How long calls under way may take to end after SIGTERM.",
)
@click.option(
    "--default-address-pool",
    multiple=True,
    callback=_parse_pools,
    metavar="base=CIDR,size=N",
    help="Pool for subnets without a CIDR: those of prefix length N within CIDR. May be repeated."
    "  [default: base=10.192.0.0/10,size=24 and a ULA /48 of this host, size=64; where the host"
    " routes them elsewhere, other private ranges]",
)
@click.option(
    "--default-cooldown",
    type=Seconds(min=0),
    metavar="SECONDS",
    default=30.0,
    help="How long a released address is not allocated again, by default of subnets.",
)
@click.option(
    "--default-retention",
    type=Seconds(min=0),
    metavar="SECONDS",
    default=86400.0,
    help="How long a released address is kept for its sticky key, by default of subnets.",
)
@click.option(
    "--backup-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Directory in which callers may have backups written. [default: none, callers get them]",
)
@click.option(
    "--no-heal",
    is_flag=True,
    help="Do not repair at once what other programs damage; mynetctl doctor still does.",
)
@limit_options
@click.option(
    "--audit-log",
    default="",
    metavar="FILE",
    show_default=False,
    help="File for a line about each call that changes something; - is standard output."
    "  [default: none]",
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info"
)
@click.pass_context
def main(
    context: click.Context,
    *,
    listening: ListeningOptions,
    state_dir: Path,
    plugin_timeout: float,
    shutdown_grace: float,
    default_address_pool: tuple[AddressPool, ...],
    default_cooldown: float,
    default_retention: float,
    backup_dir: Path | None,
    no_heal: bool,
    audit_log: str,
    log_format: Format,
    log_level: str,
    limits: Limits,
) -> None:
    """Run mynetd, the container-network daemon, until SIGTERM or SIGINT.

    Each option is also a key of the config file (state_dir for --state-dir) and an environment
    variable (MYNET_STATE_DIR). The command line overrides the environment, which overrides the
    file. Container networks keep working while mynetd is not running.

    The commands are for use while mynetd is not running.
    """
    os.umask(_UMASK)
    if context.invoked_subcommand:
        return
    listeners, tls = listening.parse()
    settings = Settings(
        *(listeners, state_dir, plugin_timeout, shutdown_grace),
        pools=default_address_pool,
        cooldown=default_cooldown,
        retention=default_retention,
        heal=not no_heal,
        backup_dir=backup_dir,
        audit_log=audit_log,
        limits=limits,
        tls=tls,
        config_file=context.meta.get(_FILE),
    )
    if context.meta[_CHECK]:
        click.echo("The configuration is valid.")
        return
    try:
        with configured(log_format, log_level):
            with memory.permanent():
                from mynet.server import daemon  # noqa: PLC0415 - --help need not wait for grpc

            has_ended = daemon.run(settings)
    except (CannotStart, IpamError, DriverError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(_why_not(error)) from error
    except RuntimeError as error:
        if not is_without_thread(error):
            raise
        text = f"mynetd cannot run: {NO_THREAD}, and start it again"
        raise click.ClickException(text) from error
    if not has_ended:
        os._exit(0)


def _why_not(error: OSError) -> str:
    """Return why mynetd cannot run, and what to do: a full disk, too few file descriptors ..."""
    where = f": {error.filename}" if error.filename else ""
    return f"mynetd cannot run: {error.strerror}{where}; {remedy_of(error.errno or errno.EIO)}"


for _command in (restore, fsck):
    main.add_command(_command)


if __name__ == "__main__":
    main()
