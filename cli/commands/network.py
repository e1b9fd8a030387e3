"""``mynetctl network``."""

from collections.abc import Sequence
from typing import Any

import click

from mynet.cli.client import Session
from mynet.cli.commands.completion import network_names
from mynet.cli.late_commands import LateCommands
from mynet.cli.options.shared import (
    command,
    delete_each,
    filter_option,
    for_each,
    label_option,
    label_rm_option,
    no_trunc_option,
    opt_option,
    opt_rm_option,
    quiet_option,
    special_purpose_option,
)
from mynet.cli.options.subnet import subnet_options, subnet_specs
from mynet.cli.output import render
from mynet.cli.visible import visible_lines

_HEADERS = ("NETWORK ID", "NAME", "DRIVER", "SUBNETS", "ENDPOINTS", "STATE")


# `docker network` has connect and disconnect, too.
@click.group(commands=LateCommands(connect="connect", disconnect="connect"))
def network() -> None:
    """Create, list, change and remove networks.

    \b
    Examples:
      mynetctl network create --subnet 10.1.0.0/24 blue
      mynetctl network ls
      mynetctl network rm blue
    """


@command("create", network)
@click.argument("name")
@click.option(
    "-d", "--driver", default="", metavar="DRIVER", help="The network driver. [default: bridge]"
)
@subnet_options
@click.option("--internal", is_flag=True, help="No access to other networks or the outside.")
@click.option(
    "--mtu",
    type=click.IntRange(min=1),
    metavar="BYTES",
    help="The largest packet size. [default: the MTU of the host's uplink]",
)
@click.option(
    "--no-masquerade", is_flag=True, help="Packets leave the host with the sandbox's own address."
)
@click.option(
    "--interface",
    default="",
    metavar="DEVICE",
    help="The name of the host's device. [default: br-NAME]",
)
@click.option(
    "--ipam-driver",
    "ipam",
    default="",
    metavar="BACKEND",
    help="The IPAM backend that stores the allocations. [default: bitmap]",
)
@opt_option
@label_option
@click.option(
    "--allow-existing",
    is_flag=True,
    help="Succeed if the network already exists with the same spec.",
)
@special_purpose_option
def create(
    session: Session,
    *,
    name: str,
    subnets: Sequence[str],
    gateways: Sequence[str],
    ranges: Sequence[str],
    reserved: Sequence[str],
    no_masquerade: bool,
    allow_existing: bool,
    allow_special_purpose: bool,
    **fields: Any,
) -> None:
    """Create a network and print its id.

    If another firewall on the host drops the network's packets, a warning on standard error says
    so, with the commands that fix it.

    \b
    Examples:
      mynetctl network create any
      mynetctl network create --subnet 10.1.0.0/24 --ip-range 10.1.0.128/25 blue
      mynetctl network create --subnet 10.2.0.0/24 --subnet fd00:2::/64 green
      mynetctl network create --subnet fd00:4::/64 --gateway fe80::1 routed
      mynetctl network create --internal --label team=red --subnet 10.3.0.0/24 red
    """
    spec = {
        "name": name,
        "subnets": subnet_specs(subnets, gateways, ranges, reserved),
        "masquerade": False if no_masquerade else None,
        **fields,
    }
    request = {
        "network": spec,
        "allow_existing": allow_existing,
        "allow_special_purpose": allow_special_purpose,
    }
    created = session.call("NetworkService.CreateNetwork", request)["network"]
    if session.output == "json":
        render.document(created)
    else:
        render.lines([created["id"]])
        for condition in created["conditions"]:
            words = f"mynetctl: warning: {condition['problem']} {condition['remedy']}"
            text = "\n".join((words, *render.indented(condition["commands"])))
            click.echo(visible_lines(text), err=True)


@command("ls", network)
@quiet_option
@no_trunc_option
@filter_option
def ls(session: Session, *, quiet: bool, no_trunc: bool, labels: dict[str, str]) -> None:
    """List networks, the oldest first.

    \b
    Examples:
      mynetctl network ls
      mynetctl network ls --filter label=team=red --quiet
      mynetctl network ls --output json
    """
    networks = session.pages("NetworkService.ListNetworks", {"labels": labels}, "networks")
    rows = [
        (
            render.short(network["id"], whole=no_trunc),
            network["name"],
            network["driver"],
            ",".join(subnet["cidr"] for subnet in network["subnets"]),
            network["endpoint_count"],
            render.state(network["state"]),
        )
        for network in networks
    ]
    text = (cells[0] for cells in rows) if quiet else render.table(_HEADERS, rows)
    render.show(session.output, {"networks": networks}, text)


@command("inspect", network)
@click.argument(
    "names", nargs=-1, required=True, metavar="NETWORK...", shell_complete=network_names
)
def inspect(session: Session, *, names: Sequence[str]) -> None:
    """Print all details of networks as JSON.

    NETWORK is a name, an id, or the beginning of an id. If one is not found, the others are still
    printed, and the exit status is 1.

    \b
    Examples:
      mynetctl network inspect blue
      mynetctl network inspect blue | jq -r '.[0].subnets[].gateway'
    """

    def get(name: str) -> Any:
        return session.call("NetworkService.GetNetwork", {"network": name})["network"]

    networks, status = for_each(names, get)
    render.document(networks)
    raise SystemExit(status)


@command("update", network)
@click.argument("name", metavar="NETWORK", shell_complete=network_names)
@label_option
@label_rm_option
@opt_option
@opt_rm_option
def update(session: Session, *, name: str, **changes: Any) -> None:
    """Change labels and options of a network.

    The network may be in use. The command prints its name. Everything else stays as it is. The
    driver decides which options can change. Connections that the new options allow are not
    disturbed.

    \b
    Examples:
      mynetctl network update --label team=blue --label-rm owner web
      mynetctl network update -o icc=false web
      mynetctl network update --opt-rm gateway_mode_ipv6 web
    """
    if not any(changes.values()):
        raise click.UsageError("nothing to change; give --label, --label-rm, --opt or --opt-rm")
    updated = session.call("NetworkService.UpdateNetwork", {"network": name, **changes})["network"]
    render.show(session.output, updated, [updated["name"]])


@command("rm", network)
@click.argument(
    "names", nargs=-1, required=True, metavar="NETWORK...", shell_complete=network_names
)
@click.option("-f", "--force", is_flag=True, help="Disconnect its endpoints first.")
@click.option("--allow-missing", is_flag=True, help="Succeed if the network does not exist.")
def rm(session: Session, *, names: Sequence[str], **flags: bool) -> None:
    """Delete networks and all their objects.

    If one cannot be deleted, the others are still deleted, and the exit status is 1.

    \b
    Examples:
      mynetctl network rm blue green
      mynetctl network rm --force red
    """
    delete = "NetworkService.DeleteNetwork"
    raise SystemExit(delete_each(session, delete, "network", names, **flags))
