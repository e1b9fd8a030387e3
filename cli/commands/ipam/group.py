"""``mynetctl ipam``."""

from typing import Any

import click

from mynet.cli.client import Session
from mynet.cli.commands.completion import subnet_cidrs
from mynet.cli.commands.ipam.subnets import draw_map, subnet
from mynet.cli.commands.ipam.transfer import export_subnets, import_subnets
from mynet.cli.commands.plugins import show_plugins
from mynet.cli.options.shared import command, label_option
from mynet.cli.output import render


@click.group()
def ipam() -> None:
    """Allocate, release and list addresses.

    \b
    Examples:
      mynetctl ipam allocate 10.9.0.0/24 --owner vm-7
      mynetctl ipam ls 10.9.0.0/24
      mynetctl ipam map 10.9.0.0/24
    """


@ipam.group()
def backend() -> None:
    """Show the IPAM backends.

    \b
    Examples:
      mynetctl ipam backend ls
    """


@command("allocate", ipam)
@click.argument("subnet", metavar="SUBNET", shell_complete=subnet_cidrs)
@click.option(
    "--address", default="", metavar="ADDRESS", help="The address. [default: any free one]"
)
@click.option(
    "--owner",
    default="",
    metavar="OWNER",
    help="The owner of the address. Asking again returns the same address.",
)
@click.option(
    "--sticky-key",
    default="",
    metavar="KEY",
    help="A key that leads back to the last address allocated with it, whatever the owner.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Allocate this many addresses, all or none.",
)
@click.option(
    "--owner-prefix",
    default="",
    metavar="PREFIX",
    help="With --count: the owners are PREFIX1, PREFIX2, ...",
)
@label_option
def allocate(
    session: Session,
    *,
    address: str,
    owner: str,
    sticky_key: str,
    count: int | None,
    owner_prefix: str,
    **request: Any,
) -> None:
    """Allocate addresses of a subnet and print them.

    If the subnet does not exist, it is created, and deleted again with its last address.

    \b
    Examples:
      mynetctl ipam allocate 10.9.0.0/24 --owner vm-7
      mynetctl ipam allocate 10.9.0.0/24 --address 10.9.0.20
      mynetctl ipam allocate 10.9.0.0/24 --owner run-2 --sticky-key web/db
      mynetctl ipam allocate 10.9.0.0/24 --count 16 --owner-prefix pod-
    """
    if count is None:
        if owner_prefix:
            raise click.UsageError("--owner-prefix needs --count")
        request |= {"address": address, "owner": owner, "sticky_key": sticky_key}
        allocations = [session.call("IPAMService.AllocateAddress", request)["allocation"]]
    else:
        if address or owner or sticky_key:
            raise click.UsageError("--count can only be combined with --owner-prefix and --label")
        request |= {"count": count, "owner_prefix": owner_prefix}
        answer = session.call("IPAMService.BatchAllocateAddresses", request)
        allocations = answer["allocations"]
    answer = allocations[0] if count is None else {"allocations": allocations}
    addresses = (allocation["address"] for allocation in allocations)
    render.show(session.output, answer, addresses)


@command("release", ipam)
@click.argument("subnet", required=False, default="", shell_complete=subnet_cidrs)
@click.argument("address", required=False, default="")
@click.option(
    "--owner",
    default="",
    metavar="OWNER",
    help="Release the address only if this owner has it. Without an address, release all addresses"
    " of this owner.",
)
@click.option("--allow-missing", is_flag=True, help="Succeed if the address is not allocated.")
def release(session: Session, *, subnet: str, address: str, owner: str, **flags: bool) -> None:
    """Release an address, or all addresses of an owner.

    \b
    Examples:
      mynetctl ipam release 10.9.0.0/24 10.9.0.20
      mynetctl ipam release 10.9.0.0/24 10.9.0.20 --owner vm-7
      mynetctl ipam release --owner vm-7
    """
    if address:
        request = {"subnet": subnet, "address": address, "owner": owner, **flags}
        answer = session.call("IPAMService.ReleaseAddress", request)
        released = [answer["allocation"]] if answer.get("allocation") else []
    elif owner and not subnet:
        answer = session.call("IPAMService.ReleaseOwner", {"owner": owner})
        released = answer["allocations"]
    else:
        raise click.UsageError("give SUBNET and ADDRESS, or --owner alone")
    addresses = (allocation["address"] for allocation in released)
    render.show(session.output, answer, addresses)


@command("ls", ipam)
@click.argument(
    "subnet", required=False, default="", metavar="[SUBNET]", shell_complete=subnet_cidrs
)
@click.option("--owner", default="", metavar="OWNER", help="Show only addresses of this owner.")
def ls(session: Session, **request: Any) -> None:
    """List allocations of a subnet, of an owner, or all.

    \b
    Examples:
      mynetctl ipam ls
      mynetctl ipam ls 10.9.0.0/24
      mynetctl ipam ls --owner vm-7 --output json
    """
    allocations = session.pages("IPAMService.ListAllocations", request, "allocations")
    rows = (
        (allocation["subnet"], allocation["address"], allocation["owner"])
        for allocation in allocations
    )
    table = render.table(("SUBNET", "ADDRESS", "OWNER"), rows)
    render.show(session.output, {"allocations": allocations}, table)


@command("ls", backend)
def ls_backends(session: Session) -> None:
    """List the IPAM backends, and why mynetd refused one.

    \b
    Examples:
      mynetctl ipam backend ls
    """
    show_plugins(session, "IPAMService.ListBackends", "backends")


for _command in (subnet, draw_map, import_subnets, export_subnets):
    ipam.add_command(_command)
