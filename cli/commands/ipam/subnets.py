"""``mynetctl ipam subnet`` and ``mynetctl ipam map``."""

from collections.abc import Sequence
from typing import Any

import click

from mynet.cli.client import Session
from mynet.cli.commands.completion import subnet_cidrs
from mynet.cli.options.shared import (
    Decorator,
    backend_option,
    command,
    delete_each,
    reserved_option,
    special_purpose_option,
)
from mynet.cli.output import render

_LONGEST = 1e9  # seconds; a Duration in JSON can express it, and the daemon refuses it


def _duration(_context: click.Context, _: click.Parameter, seconds: float | None) -> str | None:
    """Return seconds as a Duration in JSON, such as "30.000000000s"."""
    if seconds is None:
        return None
    if not 0 <= seconds <= _LONGEST:
        raise click.BadParameter(f"{seconds} is not a valid number of seconds")
    return f"{seconds:.9f}s"


def _seconds_option(name: str, text: str) -> Decorator:
    return click.option(name, type=float, metavar="SECONDS", callback=_duration, help=text)


@click.group()
def subnet() -> None:
    """Create, list and remove subnets.

    \b
    Examples:
      mynetctl ipam subnet create 10.9.0.0/24 --reserved 10.9.0.1-10.9.0.9
      mynetctl ipam subnet ls
    """


@command("create", subnet)
@click.argument("cidr", required=False, default="", metavar="[SUBNET]")
@click.option(
    "--range",
    default="",
    metavar="ADDRESSES",
    help="Choose addresses only from here. [default: the whole subnet]",
)
@reserved_option
@_seconds_option(
    "--cooldown", "How long a released address is not reused. [default: the daemon's, 30]"
)
@_seconds_option(
    "--retention", "How long a sticky key leads back to its address. [default: the daemon's, a day]"
)
@backend_option
@special_purpose_option
def create(session: Session, *, backend: str, allow_special_purpose: bool, **spec: Any) -> None:
    """Create a subnet, which stays until you remove it, and print it.

    Without SUBNET, or with only a size such as 0.0.0.0/26, mynetd chooses one from the default
    pools.

    \b
    Examples:
      mynetctl ipam subnet create 10.9.0.0/24
      mynetctl ipam subnet create 10.9.0.0/24 --range 10.9.0.128/25 --cooldown 60
      mynetctl ipam subnet create ::/80
    """
    request = {
        "subnet": spec,
        "backend": backend,
        "allow_special_purpose": allow_special_purpose,
    }
    created = session.call("IPAMService.CreateSubnet", request)["subnet"]
    render.show(session.output, created, [created["cidr"]])


@command("ls", subnet)
def ls(session: Session) -> None:
    """List all subnets and how full they are.

    \b
    Examples:
      mynetctl ipam subnet ls
    """
    subnets = session.pages("IPAMService.ListSubnets", {}, "subnets")
    fields = ("cidr", "network", "gateway", "backend")
    counts = ("allocated", "reserved", "cooling", "free")
    rows = (
        [*(subnet[field] for field in fields), *(subnet["usage"][count] for count in counts)]
        for subnet in subnets
    )
    headers = ("SUBNET", *map(str.upper, (*fields[1:], *counts)))
    render.show(session.output, {"subnets": subnets}, render.table(headers, rows))


@command("inspect", subnet)
@click.argument("cidr", metavar="SUBNET", shell_complete=subnet_cidrs)
def inspect(session: Session, *, cidr: str) -> None:
    """Print all details of a subnet as JSON.

    \b
    Examples:
      mynetctl ipam subnet inspect 10.9.0.0/24
    """
    render.document(session.call("IPAMService.GetSubnet", {"subnet": cidr})["subnet"])


@command("rm", subnet)
@click.argument("cidrs", nargs=-1, required=True, metavar="SUBNET...", shell_complete=subnet_cidrs)
@click.option("--allow-missing", is_flag=True, help="Succeed if the subnet does not exist.")
def rm(session: Session, *, cidrs: Sequence[str], **flags: bool) -> None:
    """Delete subnets.

    No network may use them, and none of their addresses may be allocated.

    \b
    Examples:
      mynetctl ipam subnet rm 10.9.0.0/24
    """
    raise SystemExit(delete_each(session, "IPAMService.DeleteSubnet", "subnet", cidrs, **flags))


@command("map")
@click.argument("cidr", metavar="SUBNET", shell_complete=subnet_cidrs)
def draw_map(session: Session, *, cidr: str) -> None:
    """Draw how full a subnet is.

    Up to 1024 addresses are drawn one by one: allocated, reserved, cooling or free. Up to 2^32
    addresses are drawn as 256 parts, each showing how full it is. Of a larger subnet, only pages of
    4096 addresses that contain allocations are drawn.

    \b
    Examples:
      mynetctl ipam map 10.9.0.0/24
      mynetctl ipam map 10.0.0.0/8 --output json
    """
    from mynet.cli.output import subnet_map

    request = {"subnet": cidr, "part_prefix_length": subnet_map.part_prefix_length(cidr)}
    answer = session.call("IPAMService.GetSubnetMap", request)
    render.show(session.output, answer, subnet_map.draw(answer, unicode=render.is_unicode()))
