"""``mynetctl network``: making, showing and removing networks."""

from collections.abc import Sequence
from typing import Any

import click

from mynet.cli import render
from mynet.cli.command import (
    CONTEXT,
    command,
    filter_option,
    label_option,
    no_trunc_option,
    opt_option,
    quiet_option,
)
from mynet.cli.completion import network_names
from mynet.cli.session import Failed, Session, Unreachable


@click.group(context_settings=CONTEXT)
def network() -> None:
    """Make, show and remove networks."""


@command(network, "create")
@click.argument("name")
@click.option(
    "-d", "--driver", default="", metavar="DRIVER", help="Who makes it. [default: bridge]"
)
@click.option(
    "--subnet",
    "subnets",
    multiple=True,
    metavar="CIDR",
    help="A subnet, IPv4 or IPv6; 10.1.0.1/24 names the gateway too. May be repeated.",
)
@click.option(
    "--gateway",
    "gateways",
    multiple=True,
    metavar="ADDRESS",
    help="The host's address in the subnet that has it. [default: the first of each subnet]",
)
@click.option("--internal", is_flag=True, help="No way out of the network.")
@click.option("--mtu", type=int, default=0, help="In bytes. [default: the host's uplink's]")
@click.option("--no-masquerade", is_flag=True, help="Packets leave with the sandbox's address.")
@click.option("--interface", default="", help="The host's device. [default: br-NAME]")
@click.option("--ipam-driver", default="", metavar="BACKEND", help="[default: bitmap]")
@opt_option
@label_option
@click.option("--allow-existing", is_flag=True, help="The same network already there is success.")
def create(
    session: Session,
    *,
    name: str,
    subnets: Sequence[str],
    gateways: Sequence[str],
    no_masquerade: bool,
    ipam_driver: str,
    allow_existing: bool,
    **fields: Any,
) -> None:
    """Make a network and print its id.

    \b
    Examples:
      mynetctl network create --subnet 10.1.0.0/24 blue
      mynetctl network create --subnet 10.2.0.0/24 --subnet fd00:2::/64 green
      mynetctl network create --internal --label team=red --subnet 10.3.0.0/24 red
    """
    wish = {
        "name": name,
        "subnets": _with_gateways(subnets, gateways),
        "masquerade": not no_masquerade,
        "ipam": ipam_driver,
        **fields,
    }
    request = {"network": wish, "allow_existing": allow_existing}
    made = session.call("NetworkService.CreateNetwork", request)["network"]
    if session.output == "json":
        render.document(made)
    else:
        click.echo(made["id"])


@command(network, "ls")
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
        click.echo(
            "".join(f"{render.short(each['id'], whole=no_trunc)}\n" for each in found), nl=False
        )
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


@command(network, "inspect")
@click.argument(
    "names", nargs=-1, required=True, metavar="NETWORK...", shell_complete=network_names
)
def inspect(session: Session, *, names: Sequence[str]) -> None:
    """Show all there is to know of networks, as JSON.

    NETWORK is a name, an id, or the beginning of an id.

    \b
    Examples:
      mynetctl network inspect blue
      mynetctl network inspect blue | jq -r '.[0].subnets[].gateway'
    """
    render.document(
        [session.call("NetworkService.GetNetwork", {"network": name})["network"] for name in names]
    )


@command(network, "rm")
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
    failed = False
    for name in names:
        request = {"network": name, "force": force, "allow_missing": allow_missing}
        try:
            session.call("NetworkService.DeleteNetwork", request)
        except Unreachable:
            raise
        except Failed as error:
            error.show()
            failed = True
        else:
            click.echo(name)
    if failed:
        raise SystemExit(Failed.exit_code)


def _with_gateways(subnets: Sequence[str], gateways: Sequence[str]) -> list[dict[str, str]]:
    """Put each gateway to the subnet that has it, or to the first: the daemon refuses it there."""
    from ipaddress import ip_address, ip_network

    wishes = [{"cidr": cidr} for cidr in subnets]
    for gateway in gateways:
        fitting = wishes[:1]
        for wish in wishes:
            try:
                if ip_address(gateway) in ip_network(wish["cidr"], strict=False):
                    fitting = [wish]
            except ValueError:
                continue  # the daemon says what is wrong with it, with all else that is
        for wish in fitting:
            wish["gateway"] = gateway
    return wishes
