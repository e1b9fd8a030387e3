"""``mynetctl endpoint``."""

from collections.abc import Sequence
from typing import Any

import click

from mynet.cli.client import Session
from mynet.cli.commands.completion import container_names, endpoint_ids, network_names
from mynet.cli.options.shared import (
    command,
    filter_option,
    for_each,
    label_option,
    label_rm_option,
    no_trunc_option,
    opt_option,
    opt_rm_option,
    quiet_option,
)
from mynet.cli.output import render
from mynet.cli.port_syntax import format_ports, parse_port, publish_option

HEADERS = (
    *("ENDPOINT ID", "NETWORK", "CONTAINER", "INTERFACE"),
    *("ADDRESSES", "MAC ADDRESS", "GW PRIORITY", "PORTS", "STATE"),
)


def row(endpoint: dict[str, Any], *, whole: bool = False) -> Sequence[str]:
    """Return an endpoint's cells under ``HEADERS``, with short ids unless ``whole``."""
    return (
        render.short(endpoint["id"], whole=whole),
        endpoint["network"],
        render.shortened(endpoint["container_id"], whole=whole),
        endpoint["interface"],
        ",".join(endpoint["addresses"]),
        endpoint["mac_address"],
        str(endpoint["gateway_priority"]),
        format_ports(endpoint["ports"]),
        render.state(endpoint["state"]),
    )


@click.group()
def endpoint() -> None:
    """List, check and change endpoints.

    An endpoint is the connection of a container to a network. It is named by its id, or by the
    beginning of it. `endpoint ls` prints the ids.

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
    help="Show only endpoints of this network.",
)
@click.option(
    "--container",
    "container_id",
    default="",
    metavar="CONTAINER",
    shell_complete=container_names,
    help="Show only endpoints of this container.",
)
@quiet_option
@no_trunc_option
@filter_option
def ls(session: Session, *, quiet: bool, no_trunc: bool, **request: Any) -> None:
    """List endpoints, the oldest first.

    \b
    Examples:
      mynetctl endpoint ls
      mynetctl endpoint ls --container web --quiet
      mynetctl endpoint ls --network blue --output json
    """
    endpoints = session.pages("NetworkService.ListEndpoints", request, "endpoints")
    rows = [row(endpoint, whole=no_trunc) for endpoint in endpoints]
    text = (cells[0] for cells in rows) if quiet else render.table(HEADERS, rows)
    render.show(session.output, {"endpoints": endpoints}, text)


@command("inspect", endpoint)
@click.argument(
    "selectors", nargs=-1, required=True, metavar="ENDPOINT...", shell_complete=endpoint_ids
)
def inspect(session: Session, *, selectors: Sequence[str]) -> None:
    """Print all details of endpoints as JSON.

    ENDPOINT is an id or the beginning of one. If one is not found, the others are still printed,
    and the exit status is 1.

    \b
    Examples:
      mynetctl endpoint inspect 3f0c
      mynetctl endpoint inspect $(mynetctl endpoint ls --quiet)
    """

    def get(selector: str) -> Any:
        return session.call("NetworkService.GetEndpoint", {"endpoint": selector})["endpoint"]

    endpoints, status = for_each(selectors, get)
    render.document(endpoints)
    raise SystemExit(status)


@command("check", endpoint)
@click.argument("selector", metavar="ENDPOINT", shell_complete=endpoint_ids)
def check(session: Session, *, selector: str) -> None:
    """Compare an endpoint with the kernel.

    Each difference is printed on a line, and then what was not compared. The exit status is 1 if
    there is a difference. ENDPOINT is an id or the beginning of one. The command repairs nothing;
    `mynetctl doctor --repair` does.

    \b
    Examples:
      mynetctl endpoint check 3f0c
      mynetctl endpoint check $(mynetctl endpoint ls --container web --quiet)
    """
    answer = session.call("NetworkService.CheckEndpoint", {"endpoint": selector})
    render.show(session.output, answer, [*answer["problems"], *answer["notes"]])
    if answer["problems"]:
        raise SystemExit(1)


@command("update", endpoint)
@click.argument("selector", metavar="ENDPOINT", shell_complete=endpoint_ids)
@publish_option
@click.option(
    "--publish-rm",
    "remove_ports",
    multiple=True,
    metavar="PORTS",
    type=parse_port,
    help="Remove published ports, written as for --publish. Without HOST_IP or HOST_PORT, all that"
    " match are removed. May be repeated.",
)
@click.option(
    "--replace-ports",
    is_flag=True,
    help="Remove all published ports except those given by --publish.",
)
@label_option
@label_rm_option
@click.option(
    "--replace-labels", is_flag=True, help="Remove all labels except those given by --label."
)
@opt_option
@opt_rm_option
def update(session: Session, *, selector: str, **changes: Any) -> None:
    """Change published ports, labels and options.

    The endpoint may be in use. The command prints its id. ENDPOINT is an id or the beginning of
    one. Everything else stays as it is, and so do connections through the remaining ports. The
    driver decides which options can change. The bridge driver accepts spoof_check,
    allowed_addresses and conntrack_limit. An option that is removed has the network's value again,
    or its default.

    \b
    Examples:
      mynetctl endpoint update --publish 8443:443 --publish-rm 8080:80 3f0c
      mynetctl endpoint update --replace-ports 3f0c
      mynetctl endpoint update --label version=2 3f0c
      mynetctl endpoint update -o conntrack_limit=16384 3f0c
      mynetctl endpoint update -o allowed_addresses=10.88.0.100,fd88::100 3f0c
    """
    if not any(changes.values()):
        raise click.UsageError(
            "nothing to change; give --publish, --publish-rm, --replace-ports, --label, --label-rm,"
            " --replace-labels, --opt or --opt-rm"
        )
    request = {"endpoint": selector, **changes}
    updated = session.call("NetworkService.UpdateEndpoint", request)["endpoint"]
    render.show(session.output, updated, [updated["id"]])
