"""``mynetctl connect`` and ``disconnect``."""

from typing import Any

import click

from mynet.cli.client import Session
from mynet.cli.commands.completion import container_names, endpoint_ids, network_names
from mynet.cli.commands.endpoint import HEADERS, row
from mynet.cli.options.endpoint import connect_request, endpoint_options
from mynet.cli.options.shared import command
from mynet.cli.output import render


def _not_empty(value: str) -> str:
    """Refuse an empty value, as a shell makes it of a variable that is not set.

    Otherwise mynetd would create an endpoint without a sandbox.
    """
    if not value:
        raise click.BadParameter("it is empty")
    return value


def request_to_connect(network: str, container: str, **fields: Any) -> dict[str, Any]:
    """Return the request of a call of ``connect``."""
    return connect_request(network, container, fields)


@command("connect")
@click.argument("network", shell_complete=network_names)
@click.argument("container")
@click.option(
    "--netns",
    "netns_name",
    metavar="NAME",
    type=_not_empty,
    help="The sandbox, as a name in `ip netns`.",
)
@click.option(
    "--netns-path",
    metavar="PATH",
    type=_not_empty,
    help="The sandbox, as the path of a network namespace.",
)
@click.option(
    "--pid",
    type=click.IntRange(min=1),
    metavar="PID",
    help="The sandbox, as the pid of a process in it.",
)
@endpoint_options
def connect(session: Session, *, network: str, container: str, **fields: Any) -> None:
    """Connect a sandbox to a network.

    CONTAINER is a name of your choice. Without a sandbox, mynetd creates the device on the host for
    you to move. The device is down, and you set its addresses.

    \b
    Examples:
      mynetctl connect --netns one blue one
      mynetctl connect --pid 4711 --ip 10.1.0.7 blue web
      mynetctl connect --netns two --publish 8080:80 --publish 53/udp blue two
    """
    request = request_to_connect(network, container, **fields)
    endpoint = session.call("NetworkService.Connect", request)["endpoint"]
    render.show(session.output, endpoint, render.table(HEADERS, [row(endpoint)]))


def request_to_disconnect(container: str, whole: str, **request: Any) -> dict[str, Any]:
    """Return the request of a call of ``disconnect``. Raises click.UsageError."""
    ways = [bool(container), bool(request["endpoint"]), bool(whole)]
    if sum(ways) != 1 or bool(request["network"]) != bool(container):
        raise click.UsageError("give NETWORK and CONTAINER, or --endpoint, or --all")
    return {**request, "container_id": container or whole}


@command("disconnect")
@click.argument("network", required=False, default="", shell_complete=network_names)
@click.argument("container", required=False, default="", shell_complete=container_names)
@click.option(
    "--interface",
    default="",
    metavar="DEVICE",
    help="Which interface, if the container is on the network twice.",
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
    help="All endpoints of a container.",
)
@click.option("--allow-missing", is_flag=True, help="Succeed if the container is not connected.")
def disconnect(session: Session, **values: Any) -> None:
    """Disconnect a container from a network.

    This works even if the container, its namespace or the bridge is gone.

    \b
    Examples:
      mynetctl disconnect blue one
      mynetctl disconnect --all one
      mynetctl disconnect --endpoint 3f0c
    """
    request = request_to_disconnect(**values)
    endpoints = session.call("NetworkService.Disconnect", request)["endpoints"]
    ids = (endpoint["id"] for endpoint in endpoints)
    render.show(session.output, {"endpoints": endpoints}, ids)
