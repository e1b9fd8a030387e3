"""``mynetctl connect``, ``disconnect`` and ``endpoint``: sandboxes on networks."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from mynet.cli import render
from mynet.cli.command import (
    CONTEXT,
    command,
    each,
    filter_option,
    label_option,
    no_trunc_option,
    opt_option,
    quiet_option,
)
from mynet.cli.completion import container_names, endpoint_ids, network_names
from mynet.cli.ports import publish_option, shown
from mynet.cli.session import Session

_HEADERS = (
    *("ENDPOINT ID", "NETWORK", "CONTAINER", "INTERFACE"),
    *("ADDRESSES", "MAC ADDRESS", "GW PRIORITY", "PORTS", "STATE"),
)


def _of_version(version: int) -> Callable[[click.Context, click.Parameter, str], str]:
    """Make the check that an address is none of the other IP version."""

    def check(_context: click.Context, parameter: click.Parameter, value: str) -> str:
        if value and (":" in value) != (version == 6):  # noqa: PLR2004 - the IP version
            raise click.BadParameter(f"{value!r} is no IPv{version} address", param=parameter)
        return value

    return check


def _not_empty(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Refuse what a shell makes of a variable that is not set: no sandbox is a wish of its own."""
    if value == "":
        raise click.BadParameter("it is empty", param=parameter)
    return value


def wish_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what an endpoint should have."""
    for option in reversed(
        (
            click.option(
                "--ip",
                default="",
                metavar="ADDRESS",
                callback=_of_version(4),
                help="The IPv4 address wanted.",
            ),
            click.option(
                "--ip6",
                default="",
                metavar="ADDRESS",
                callback=_of_version(6),
                help="The IPv6 address wanted.",
            ),
            click.option(
                "--address-owner",
                default="",
                metavar="OWNER",
                help="An address wanted may be one that this owner got from `ipam allocate`.",
            ),
            click.option(
                "--interface",
                default="",
                metavar="DEVICE",
                help="The device inside. [default: the first free of eth0, eth1, ...]",
            ),
            click.option(
                "--mac-address", default="", metavar="MAC", help="The MAC address wanted."
            ),
            click.option(
                "--gw-priority",
                "gateway_priority",
                type=int,
                default=0,
                metavar="NUMBER",
                help="Of its networks, a sandbox leaves by the one with the highest number, -1000"
                " to 1000; among equals, by the first. [default: 0]",
            ),
            publish_option,
            label_option,
            opt_option,
        )
    ):
        function = option(function)
    return function


def connect_request(network: str, container: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Make a ConnectRequest out of :func:`wish_options` and whatever else is a field of it."""
    wanted = [fields.pop("ip"), fields.pop("ip6")]
    addresses = [address for address in wanted if address]
    return {"network": network, "container_id": container, "addresses": addresses, **fields}


@command("connect")
@click.argument("network", shell_complete=network_names)
@click.argument("container")
@click.option(
    "--netns",
    "netns_name",
    metavar="NAME",
    callback=_not_empty,
    help="The sandbox, as a name of `ip netns`.",
)
@click.option(
    "--netns-path",
    metavar="PATH",
    callback=_not_empty,
    help="The sandbox, as a path to a network namespace.",
)
@click.option(
    "--pid",
    type=click.IntRange(min=1),
    metavar="PID",
    help="The sandbox, as a process in it.",
)
@wish_options
def connect(session: Session, *, network: str, container: str, **fields: Any) -> None:
    """Connect a sandbox to a network.

    CONTAINER is what you call it. Without a sandbox the device is made for you to move: it stays on
    the host, down, and the addresses are yours to set.

    \b
    Examples:
      mynetctl connect --netns one blue one
      mynetctl connect --pid 4711 --ip 10.1.0.7 blue web
      mynetctl connect --netns two --publish 8080:80 --publish 53/udp blue two
    """
    request = connect_request(network, container, fields)
    endpoint = session.call("NetworkService.Connect", request)["endpoint"]
    if session.output == "json":
        render.document(endpoint)
    else:
        render.table(_HEADERS, [_row(endpoint)])


@command("disconnect")
@click.argument("network", required=False, default="", shell_complete=network_names)
@click.argument("container", required=False, default="", shell_complete=container_names)
@click.option(
    "--interface",
    default="",
    metavar="DEVICE",
    help="Which one, where it is on the network twice.",
)
@click.option(
    "--endpoint",
    default="",
    metavar="ID",
    shell_complete=endpoint_ids,
    help="The endpoint, by its id or the beginning of it.",
)
@click.option(
    "--all",
    "whole",
    default="",
    metavar="CONTAINER",
    shell_complete=container_names,
    help="All that a container has.",
)
@click.option("--allow-missing", is_flag=True, help="What is not connected is success.")
def disconnect(
    session: Session,
    *,
    network: str,
    container: str,
    interface: str,
    endpoint: str,
    whole: str,
    allow_missing: bool,
) -> None:
    """Disconnect a container from a network.

    It works whatever has become of the container, its namespace or the bridge.

    \b
    Examples:
      mynetctl disconnect blue one
      mynetctl disconnect --all one
      mynetctl disconnect --endpoint 3f0c
    """
    ways = [bool(network and container), bool(endpoint), bool(whole)]
    if sum(ways) != 1 or bool(network) != bool(container):
        raise click.UsageError("give NETWORK and CONTAINER, or --endpoint, or --all")
    request = {
        "network": network,
        "container_id": container or whole,
        "interface": interface,
        "endpoint": endpoint,
        "allow_missing": allow_missing,
    }
    gone = session.call("NetworkService.Disconnect", request)["endpoints"]
    if session.output == "json":
        render.document({"endpoints": gone})
    else:
        render.lines(each["id"] for each in gone)


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
        render.table(_HEADERS, (_row(each, whole=no_trunc) for each in found))


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


def _row(endpoint: dict[str, Any], *, whole: bool = False) -> Sequence[str]:
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
