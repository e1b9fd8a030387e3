"""``mynetctl ipam``: the address book."""

from typing import Any

import click

from mynet.cli import render
from mynet.cli.command import CONTEXT, command
from mynet.cli.completion import subnet_cidrs
from mynet.cli.plugins import show_plugins
from mynet.cli.session import Session


@click.group(context_settings=CONTEXT)
def ipam() -> None:
    """Allocate, release and show addresses.

    \b
    Examples:
      mynetctl ipam allocate 10.9.0.0/24 --owner vm-7
      mynetctl ipam ls 10.9.0.0/24
    """


@ipam.group(context_settings=CONTEXT)
def subnet() -> None:
    """Show the subnets in the address book.

    \b
    Examples:
      mynetctl ipam subnet ls
    """


@ipam.group(context_settings=CONTEXT)
def backend() -> None:
    """Show the IPAM backends.

    \b
    Examples:
      mynetctl ipam backend ls
    """


@command("allocate", ipam)
@click.argument("subnet", metavar="SUBNET", shell_complete=subnet_cidrs)
@click.option(
    "--address", default="", metavar="ADDRESS", help="This one. [default: any that is free]"
)
@click.option(
    "--owner",
    default="",
    metavar="OWNER",
    help="Who it is for; asking again gives the same address.",
)
def allocate(session: Session, **request: Any) -> None:
    """Allocate an address of a subnet and print it.

    A subnet that nobody has used yet is founded, and vanishes with its last address.

    \b
    Examples:
      mynetctl ipam allocate 10.9.0.0/24 --owner vm-7
      mynetctl ipam allocate 10.9.0.0/24 --address 10.9.0.20
    """
    allocation = session.call("IPAMService.AllocateAddress", request)["allocation"]
    if session.output == "json":
        render.document(allocation)
    else:
        click.echo(allocation["address"])


@command("release", ipam)
@click.argument("subnet", metavar="SUBNET", shell_complete=subnet_cidrs)
@click.argument("address")
@click.option("--owner", default="", metavar="OWNER", help="Only if this owner has it.")
@click.option("--allow-missing", is_flag=True, help="An address that nobody has is success.")
def release(session: Session, **request: Any) -> None:
    """Give an address back.

    \b
    Examples:
      mynetctl ipam release 10.9.0.0/24 10.9.0.20
      mynetctl ipam release 10.9.0.0/24 10.9.0.20 --owner vm-7
    """
    answer = session.call("IPAMService.ReleaseAddress", request)
    if session.output == "json":
        render.document(answer)
    elif answer.get("allocation"):
        click.echo(answer["allocation"]["address"])


@command("ls", ipam)
@click.argument(
    "subnet", required=False, default="", metavar="[SUBNET]", shell_complete=subnet_cidrs
)
@click.option("--owner", default="", metavar="OWNER", help="Only what this owner has.")
def ls(session: Session, **wanted: Any) -> None:
    """List allocations: of a subnet, of an owner, or all.

    \b
    Examples:
      mynetctl ipam ls
      mynetctl ipam ls 10.9.0.0/24
      mynetctl ipam ls --owner vm-7 --output json
    """
    found = session.pages("IPAMService.ListAllocations", wanted, "allocations")
    if session.output == "json":
        render.document({"allocations": found})
    else:
        render.table(
            ("SUBNET", "ADDRESS", "OWNER"),
            ((each["subnet"], each["address"], each["owner"]) for each in found),
        )


@command("ls", subnet)
def ls_subnets(session: Session) -> None:
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
            ("SUBNET", "NETWORK", "GATEWAY", "BACKEND", "ALLOCATED", "FREE"),
            (
                (
                    *(each["cidr"], each["network"], each["gateway"], each["backend"]),
                    *(each["usage"]["allocated"], each["usage"]["free"]),
                )
                for each in found
            ),
        )


@command("inspect", subnet)
@click.argument("cidr", metavar="SUBNET", shell_complete=subnet_cidrs)
def inspect_subnet(session: Session, *, cidr: str) -> None:
    """Show all there is to know of a subnet, as JSON.

    \b
    Examples:
      mynetctl ipam subnet inspect 10.9.0.0/24
    """
    render.document(session.call("IPAMService.GetSubnet", {"subnet": cidr})["subnet"])


@command("ls", backend)
def ls_backends(session: Session) -> None:
    """List the IPAM backends that were found, and why one was refused.

    \b
    Examples:
      mynetctl ipam backend ls
    """
    show_plugins(session, "IPAMService.ListBackends", "backends")
