"""``mynetctl ipam``: the address book."""

from typing import Any

import click

from mynet.cli.client import Session
from mynet.cli.commands.completion import subnet_cidrs
from mynet.cli.commands.ipam_subnet import draw_map, subnet
from mynet.cli.commands.ipam_transfer import export_subnets, import_subnets
from mynet.cli.commands.plugins import show_plugins
from mynet.cli.options import CONTEXT, command, label_option
from mynet.cli.output import render


@click.group(context_settings=CONTEXT)
def ipam() -> None:
    """Allocate, release and show addresses.

    \b
    Examples:
      mynetctl ipam allocate 10.9.0.0/24 --owner vm-7
      mynetctl ipam ls 10.9.0.0/24
      mynetctl ipam map 10.9.0.0/24
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
@click.option(
    "--sticky-key",
    default="",
    metavar="KEY",
    help="Whoever comes back with it gets its old address, under whatever owner.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="So many at once, all or none.",
)
@click.option(
    "--owner-prefix",
    default="",
    metavar="PREFIX",
    help="With --count: owners PREFIX1, PREFIX2, ...",
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

    A subnet that nobody has used yet is founded, and vanishes with its last address.

    \b
    Examples:
      mynetctl ipam allocate 10.9.0.0/24 --owner vm-7
      mynetctl ipam allocate 10.9.0.0/24 --address 10.9.0.20
      mynetctl ipam allocate 10.9.0.0/24 --owner run-2 --sticky-key web/db
      mynetctl ipam allocate 10.9.0.0/24 --count 16 --owner-prefix pod-
    """
    if count is None:
        if owner_prefix:
            raise click.UsageError("--owner-prefix goes with --count")
        request |= {"address": address, "owner": owner, "sticky_key": sticky_key}
        found = [session.call("IPAMService.AllocateAddress", request)["allocation"]]
    else:
        if address or owner or sticky_key:
            raise click.UsageError("--count goes with --owner-prefix and --label alone")
        request |= {"count": count, "owner_prefix": owner_prefix}
        found = session.call("IPAMService.BatchAllocateAddresses", request)["allocations"]
    if session.output == "json":
        render.document(found[0] if count is None else {"allocations": found})
    else:
        render.lines(each["address"] for each in found)


@command("release", ipam)
@click.argument("subnet", required=False, default="", shell_complete=subnet_cidrs)
@click.argument("address", required=False, default="")
@click.option(
    "--owner",
    default="",
    metavar="OWNER",
    help="Only if this owner has it; without an address, all that this owner has.",
)
@click.option("--allow-missing", is_flag=True, help="An address that nobody has is success.")
def release(
    session: Session, *, subnet: str, address: str, owner: str, allow_missing: bool
) -> None:
    """Give an address back, or all that an owner has.

    \b
    Examples:
      mynetctl ipam release 10.9.0.0/24 10.9.0.20
      mynetctl ipam release 10.9.0.0/24 10.9.0.20 --owner vm-7
      mynetctl ipam release --owner vm-7
    """
    if address:
        request = {
            "subnet": subnet,
            "address": address,
            "owner": owner,
            "allow_missing": allow_missing,
        }
        answer = session.call("IPAMService.ReleaseAddress", request)
        released = [answer["allocation"]] if answer.get("allocation") else []
    elif owner and not subnet:
        answer = session.call("IPAMService.ReleaseOwner", {"owner": owner})
        released = answer["allocations"]
    else:
        raise click.UsageError("give SUBNET and ADDRESS, or --owner alone")
    if session.output == "json":
        render.document(answer)
    else:
        render.lines(each["address"] for each in released)


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


@command("ls", backend)
def ls_backends(session: Session) -> None:
    """List the IPAM backends that were found, and why one was refused.

    \b
    Examples:
      mynetctl ipam backend ls
    """
    show_plugins(session, "IPAMService.ListBackends", "backends")


for _command in (subnet, draw_map, import_subnets, export_subnets):
    ipam.add_command(_command)
