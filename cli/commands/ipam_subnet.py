"""``mynetctl ipam subnet`` and ``map``: the subnets in the address book."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import click

from mynet.cli.client import Session
from mynet.cli.commands.completion import subnet_cidrs
from mynet.cli.options import CONTEXT, command, each
from mynet.cli.output import render

Function: TypeAlias = Callable[..., Any]

_LONGEST = 1e9  # seconds: more than the daemon takes, and less than JSON's durations can say
_COUNTS = ("allocated", "reserved", "cooling", "free")


def _duration(
    _context: click.Context, parameter: click.Parameter, seconds: float | None
) -> str | None:
    """Write seconds as the JSON form of the API has them."""
    if seconds is None:
        return None
    if not 0 <= seconds <= _LONGEST:
        raise click.BadParameter(f"{seconds} is no number of seconds", param=parameter)
    return f"{seconds:.9f}s"


def _seconds_option(name: str, text: str) -> Callable[[Function], Function]:
    return click.option(name, type=float, metavar="SECONDS", callback=_duration, help=text)


@click.group(context_settings=CONTEXT)
def subnet() -> None:
    """Make, show and remove subnets in the address book.

    \b
    Examples:
      mynetctl ipam subnet create 10.9.0.0/24 --reserved 10.9.0.1-10.9.0.9
      mynetctl ipam subnet ls
    """


@command("create", subnet)
@click.argument("cidr", required=False, default="", metavar="[SUBNET]")
@click.option(
    "--range",
    "bounds",
    default="",
    metavar="ADDRESSES",
    help="Where addresses are chosen from. [default: all of the subnet]",
)
@click.option(
    "--reserved",
    multiple=True,
    metavar="ADDRESSES",
    help="Never handed out: an address, a subnet, or FIRST-LAST. May be repeated.",
)
@_seconds_option(
    "--cooldown", "How long a released address is kept back. [default: the daemon's, 30]"
)
@_seconds_option(
    "--retention", "How long a sticky key leads back to its address. [default: the daemon's, a day]"
)
@click.option("--backend", default="", metavar="BACKEND", help="Who keeps it. [default: bitmap]")
def create(
    session: Session,
    *,
    cidr: str,
    bounds: str,
    backend: str,
    **rules: Any,
) -> None:
    """Take a subnet into the book, where it stays until it is removed; print it.

    Without SUBNET, or with a size alone such as 0.0.0.0/26, it is chosen from the default pools.

    \b
    Examples:
      mynetctl ipam subnet create 10.9.0.0/24
      mynetctl ipam subnet create 10.9.0.0/24 --range 10.9.0.128/25 --cooldown 60
      mynetctl ipam subnet create ::/80
    """
    spec = {"cidr": cidr, "range": bounds, **rules}
    made = session.call("IPAMService.CreateSubnet", {"subnet": spec, "backend": backend})["subnet"]
    if session.output == "json":
        render.document(made)
    else:
        click.echo(made["cidr"])


@command("ls", subnet)
def ls(session: Session) -> None:
    """List the subnets and how full they are.

    \b
    Examples:
      mynetctl ipam subnet ls
    """
    found = session.pages("IPAMService.ListSubnets", {}, "subnets")
    if session.output == "json":
        render.document({"subnets": found})
    else:
        render.table(
            ("SUBNET", "NETWORK", "GATEWAY", "BACKEND", *map(str.upper, _COUNTS)),
            (
                (
                    *(one["cidr"], one["network"], one["gateway"], one["backend"]),
                    *(one["usage"][count] for count in _COUNTS),
                )
                for one in found
            ),
        )


@command("inspect", subnet)
@click.argument("cidr", metavar="SUBNET", shell_complete=subnet_cidrs)
def inspect(session: Session, *, cidr: str) -> None:
    """Show all there is to know of a subnet, as JSON.

    \b
    Examples:
      mynetctl ipam subnet inspect 10.9.0.0/24
    """
    render.document(session.call("IPAMService.GetSubnet", {"subnet": cidr})["subnet"])


@command("rm", subnet)
@click.argument("cidrs", nargs=-1, required=True, metavar="SUBNET...", shell_complete=subnet_cidrs)
@click.option("--allow-missing", is_flag=True, help="A subnet that is not there is success.")
def rm(session: Session, *, cidrs: Sequence[str], allow_missing: bool) -> None:
    """Take subnets out of the book, of which nobody has an address any more.

    \b
    Examples:
      mynetctl ipam subnet rm 10.9.0.0/24
    """

    def remove(cidr: str) -> str:
        request = {"subnet": cidr, "allow_missing": allow_missing}
        session.call("IPAMService.DeleteSubnet", request)
        if session.output != "json":
            click.echo(cidr)
        return cidr

    removed, status = each(cidrs, remove)
    if session.output == "json":
        render.document({"removed": removed})
    raise SystemExit(status)


@command("map")
@click.argument("cidr", metavar="SUBNET", shell_complete=subnet_cidrs)
def draw_map(session: Session, *, cidr: str) -> None:
    """Draw how full a subnet is.

    Up to 1024 addresses are drawn one by one: allocated, reserved, cooling or free. A subnet of up
    to 2^32 is drawn as 256 parts, by how full each is; a larger one as its pages of 4096 addresses
    in which anything is.

    \b
    Examples:
      mynetctl ipam map 10.9.0.0/24
      mynetctl ipam map 10.0.0.0/8 --output json
    """
    from mynet.cli.output import subnet_map

    request = {"subnet": cidr, "part_prefix_length": subnet_map.part_prefix_length(cidr)}
    found = session.call("IPAMService.GetSubnetMap", request)
    if session.output == "json":
        render.document(found)
    else:
        render.lines(subnet_map.draw(found, unicode=render.is_unicode()))


def subnet_specs(
    cidrs: Sequence[str], gateways: Sequence[str], ranges: Sequence[str], reserved: Sequence[str]
) -> list[dict[str, Any]]:
    """Put gateways, ranges and what is reserved each to the subnet that has it, or to the first.

    If that has it not either, the daemon says so, with all else that is wrong.
    """
    specs: list[dict[str, Any]] = [{"cidr": cidr} for cidr in cidrs]
    for option, field, values in (
        ("--gateway", "gateway", gateways),
        ("--ip-range", "range", ranges),
    ):
        for value in values:
            free = [spec for spec in _fitting(specs, value) if field not in spec]
            if not free:
                raise click.UsageError(f"{option} {value}: there is no --subnet left for it")
            free[0][field] = value
    for value in reserved:
        if not specs:
            raise click.UsageError(f"--reserved {value}: there is no --subnet for it")
        _fitting(specs, value)[0].setdefault("reserved", []).append(value)
    return specs


def _fitting(specs: list[dict[str, Any]], addresses: str) -> list[dict[str, Any]]:
    first = addresses.partition("-")[0].partition("/")[0]
    return [spec for spec in specs if _has(spec["cidr"], first)] or specs


def _has(cidr: str, address: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(address) in ip_network(cidr, strict=False)
    except ValueError:
        return False
