"""``mynetctl network``: making, showing, changing and removing networks."""

from collections.abc import Sequence
from typing import Any

import click

from mynet.cli.client import Session
from mynet.cli.commands.completion import network_names
from mynet.cli.commands.ipam_subnet import subnet_specs
from mynet.cli.options import (
    CONTEXT,
    command,
    each,
    filter_option,
    label_option,
    label_rm_option,
    no_trunc_option,
    opt_option,
    quiet_option,
)
from mynet.cli.output import render


@click.group(context_settings=CONTEXT)
def network() -> None:
    """Make, show, change and remove networks, and connect sandboxes to them.

    \b
    Examples:
      mynetctl network create --subnet 10.1.0.0/24 blue
      mynetctl network ls
      mynetctl network rm blue
    """


@command("create", network)
@click.argument("name")
@click.option(
    "-d", "--driver", default="", metavar="DRIVER", help="Who makes it. [default: bridge]"
)
@click.option(
    "--subnet",
    "subnets",
    multiple=True,
    metavar="CIDR",
    help="A subnet, IPv4 or IPv6; 10.1.0.1/24 names the gateway too, 0.0.0.0/26 is any of that"
    " size. May be repeated. [default: of the daemon's pools, one of each family]",
)
@click.option(
    "--gateway",
    "gateways",
    multiple=True,
    metavar="ADDRESS",
    help="The host's address in the subnet that has it. [default: the first of each subnet]",
)
@click.option(
    "--ip-range",
    "ranges",
    multiple=True,
    metavar="ADDRESSES",
    help="Where addresses of the subnet that has it are chosen from. [default: all of it]",
)
@click.option(
    "--reserved",
    multiple=True,
    metavar="ADDRESSES",
    help="Never handed out: an address, a subnet, or FIRST-LAST. May be repeated.",
)
@click.option("--internal", is_flag=True, help="No way out of the network.")
@click.option(
    "--mtu",
    type=click.IntRange(min=1),
    metavar="BYTES",
    help="The largest packet. [default: that of the host's uplink]",
)
@click.option("--no-masquerade", is_flag=True, help="Packets leave with the sandbox's address.")
@click.option(
    "--interface", default="", metavar="DEVICE", help="The host's device. [default: br-NAME]"
)
@click.option(
    "--ipam-driver",
    default="",
    metavar="BACKEND",
    help="Who keeps its addresses. [default: bitmap]",
)
@opt_option
@label_option
@click.option("--allow-existing", is_flag=True, help="The same network already there is success.")
def create(
    session: Session,
    *,
    name: str,
    subnets: Sequence[str],
    gateways: Sequence[str],
    ranges: Sequence[str],
    reserved: Sequence[str],
    no_masquerade: bool,
    ipam_driver: str,
    allow_existing: bool,
    **fields: Any,
) -> None:
    """Make a network and print its id.

    Where others on the host stand in its way, such as a firewall that drops its packets, standard
    error says so, and what to do.

    \b
    Examples:
      mynetctl network create any
      mynetctl network create --subnet 10.1.0.0/24 --ip-range 10.1.0.128/25 blue
      mynetctl network create --subnet 10.2.0.0/24 --subnet fd00:2::/64 green
      mynetctl network create --internal --label team=red --subnet 10.3.0.0/24 red
    """
    spec = {
        "name": name,
        "subnets": subnet_specs(subnets, gateways, ranges, reserved),
        "masquerade": False if no_masquerade else None,
        "ipam": ipam_driver,
        **fields,
    }
    request = {"network": spec, "allow_existing": allow_existing}
    made = session.call("NetworkService.CreateNetwork", request)["network"]
    if session.output == "json":
        render.document(made)
    else:
        click.echo(made["id"])
        for condition in made["conditions"]:
            words = f"mynetctl: warning: {condition['problem']} {condition['remedy']}"
            click.echo("\n".join((words, *render.indented(condition["commands"]))), err=True)


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
    found = session.pages("NetworkService.ListNetworks", {"labels": labels}, "networks")
    if session.output == "json":
        render.document({"networks": found})
    elif quiet:
        render.lines(render.short(each["id"], whole=no_trunc) for each in found)
    else:
        render.table(
            ("NETWORK ID", "NAME", "DRIVER", "SUBNETS", "ENDPOINTS", "STATE"),
            (
                (
                    render.short(each["id"], whole=no_trunc),
                    each["name"],
                    each["driver"],
                    ",".join(subnet["cidr"] for subnet in each["subnets"]),
                    each["endpoint_count"],
                    render.state(each["state"]),
                )
                for each in found
            ),
        )


@command("inspect", network)
@click.argument(
    "names", nargs=-1, required=True, metavar="NETWORK...", shell_complete=network_names
)
def inspect(session: Session, *, names: Sequence[str]) -> None:
    """Show all there is to know of networks, as JSON.

    NETWORK is a name, an id, or the beginning of an id. One that is not found does not keep the
    others; the exit status is 1 then.

    \b
    Examples:
      mynetctl network inspect blue
      mynetctl network inspect blue | jq -r '.[0].subnets[].gateway'
    """

    def look(name: str) -> Any:
        return session.call("NetworkService.GetNetwork", {"network": name})["network"]

    found, status = each(names, look)
    render.document(found)
    raise SystemExit(status)


@command("update", network)
@click.argument("name", metavar="NETWORK", shell_complete=network_names)
@label_option
@label_rm_option
@opt_option
@click.option(
    "--opt-rm",
    "remove_options",
    multiple=True,
    metavar="KEY",
    help="An option to take away: its default holds then. May be repeated.",
)
def update(session: Session, *, name: str, **changes: Any) -> None:
    """Change labels and options of a network while it is in use, and print its name.

    What is not named stays. Which options can change is the driver's to say; connections that the
    new ones allow are not disturbed.

    \b
    Examples:
      mynetctl network update --label team=blue --label-rm owner web
      mynetctl network update -o icc=false web
      mynetctl network update --opt-rm gateway_mode_ipv6 web
    """
    if not any(changes.values()):
        raise click.UsageError("say what is to change: --label, --label-rm, --opt or --opt-rm")
    changed = session.call("NetworkService.UpdateNetwork", {"network": name, **changes})["network"]
    if session.output == "json":
        render.document(changed)
    else:
        click.echo(changed["name"])


@command("rm", network)
@click.argument(
    "names", nargs=-1, required=True, metavar="NETWORK...", shell_complete=network_names
)
@click.option("-f", "--force", is_flag=True, help="Disconnect its endpoints first.")
@click.option("--allow-missing", is_flag=True, help="A network that is not there is success.")
def rm(session: Session, *, names: Sequence[str], force: bool, allow_missing: bool) -> None:
    """Remove networks with all that was made for them.

    One that cannot be removed does not keep the others; the exit status is 1 then.

    \b
    Examples:
      mynetctl network rm blue green
      mynetctl network rm --force red
    """

    def remove(name: str) -> str:
        request = {"network": name, "force": force, "allow_missing": allow_missing}
        session.call("NetworkService.DeleteNetwork", request)
        if session.output == "table":
            click.echo(name)
        return name

    removed, status = each(names, remove)
    if session.output == "json":
        render.document({"removed": removed})
    raise SystemExit(status)
