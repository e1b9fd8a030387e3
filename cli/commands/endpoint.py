"""``mynetctl endpoint``: what is connected to networks, and whether it is whole."""

from collections.abc import Sequence
from typing import Any

import click

from mynet.cli.client import Session
from mynet.cli.commands.completion import container_names, endpoint_ids, network_names
from mynet.cli.options import CONTEXT, command, each, filter_option, no_trunc_option, quiet_option
from mynet.cli.output import render
from mynet.cli.port_syntax import shown

HEADERS = (
    *("ENDPOINT ID", "NETWORK", "CONTAINER", "INTERFACE"),
    *("ADDRESSES", "MAC ADDRESS", "GW PRIORITY", "PORTS", "STATE"),
)


def row(endpoint: dict[str, Any], *, whole: bool = False) -> Sequence[str]:
    """Write an endpoint under ``HEADERS``."""
    return (
        render.short(endpoint["id"], whole=whole),
        endpoint["network"],
        endpoint["container_id"],
        endpoint["interface"],
        ",".join(endpoint["addresses"]),
        endpoint["mac_address"],
        str(endpoint["gateway_priority"]),
        shown(endpoint["ports"]),
        render.state(endpoint["state"]),
    )


@click.group(context_settings=CONTEXT)
def endpoint() -> None:
    """Show, check and change endpoints: what is connected to networks.

    An endpoint is named by its id, or by the beginning of it: `endpoint ls` has them.

    \b
    Examples:
      mynetctl endpoint ls --network blue
      mynetctl endpoint check 3f0c
    """


@command("ls", endpoint)
@click.option(
    "--network",
    default="",
    metavar="NETWORK",
    shell_complete=network_names,
    help="Only those on this network.",
)
@click.option(
    "--container",
    "container_id",
    default="",
    metavar="CONTAINER",
    shell_complete=container_names,
    help="Only those of this container.",
)
@quiet_option
@no_trunc_option
@filter_option
def ls(session: Session, *, quiet: bool, no_trunc: bool, **wanted: Any) -> None:
    """List endpoints, the oldest first.

    \b
    Examples:
      mynetctl endpoint ls
      mynetctl endpoint ls --container web --quiet
      mynetctl endpoint ls --network blue --output json
    """
    found = session.pages("NetworkService.ListEndpoints", wanted, "endpoints")
    if session.output == "json":
        render.document({"endpoints": found})
    elif quiet:
        render.lines(render.short(each["id"], whole=no_trunc) for each in found)
    else:
        render.table(HEADERS, (row(each, whole=no_trunc) for each in found))


@command("inspect", endpoint)
@click.argument(
    "endpoints", nargs=-1, required=True, metavar="ENDPOINT...", shell_complete=endpoint_ids
)
def inspect(session: Session, *, endpoints: Sequence[str]) -> None:
    """Show all there is to know of endpoints, as JSON.

    ENDPOINT is an id or the beginning of one. One that is not found does not keep the others; the
    exit status is 1 then.

    \b
    Examples:
      mynetctl endpoint inspect 3f0c
      mynetctl endpoint inspect $(mynetctl endpoint ls --quiet)
    """

    def look(selected: str) -> Any:
        return session.call("NetworkService.GetEndpoint", {"endpoint": selected})["endpoint"]

    found, status = each(endpoints, look)
    render.document(found)
    raise SystemExit(status)


@command("check", endpoint)
@click.argument("selected", metavar="ENDPOINT", shell_complete=endpoint_ids)
def check(session: Session, *, selected: str) -> None:
    """Compare an endpoint with the kernel; each difference is a line, and any makes exit status 1.

    ENDPOINT is an id or the beginning of one. Nothing is mended: `mynetctl doctor --repair` mends.

    \b
    Examples:
      mynetctl endpoint check 3f0c
      mynetctl endpoint check $(mynetctl endpoint ls --container web --quiet)
    """
    answer = session.call("NetworkService.CheckEndpoint", {"endpoint": selected})
    if session.output == "json":
        render.document(answer)
    else:
        render.lines(answer["problems"])
    if answer["problems"]:
        raise SystemExit(1)
