"""``mynetctl run``."""

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from mynet.cli.client import Session, prepare
from mynet.cli.commands.completion import network_names
from mynet.cli.errors import Failed, complain
from mynet.cli.netns_process import Sandbox
from mynet.cli.options.endpoint import connect_request, endpoint_options

_CLEANUP_TIMEOUT = 5.0  # seconds, because the daemon may be what failed


@click.command()
@click.argument("network", shell_complete=network_names)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
@click.option(
    "--name",
    default="",
    metavar="CONTAINER",
    help="The name of the container. [default: run-RANDOM]",
)
@endpoint_options
@click.pass_obj
def run(session: Session, /, network: str, words: Sequence[str], name: str, **fields: Any) -> None:
    """Run a command in a new network namespace on a network.

    The sandbox has only that network. When the command ends, mynetctl disconnects the sandbox.
    Signals are passed to the command. The exit status is that of the command. It is 128 plus the
    signal's number if a signal ended the command, and 127 if there is no such command. Needs root.

    \b
    Examples:
      mynetctl run blue -- ip addr
      mynetctl run -p 8080:8000 blue -- python3 -m http.server
      mynetctl run --name probe blue -- ping -c 1 10.1.0.7
    """
    container = name or f"run-{secrets.token_hex(6)}"
    sandbox = Sandbox(words)
    prepare()
    request = connect_request(network, container, {"pid": sandbox.pid, **fields})
    try:
        with sandbox:
            session.call("NetworkService.Connect", request)
            status = sandbox.go()
    except BaseException:  # also a signal, and a Connect whose answer was lost
        with contextlib.suppress(Failed):
            _disconnect(replace(session, timeout=_CLEANUP_TIMEOUT), container, sandbox.pid)
        raise
    try:
        _disconnect(session, container, sandbox.pid)
    except Failed as error:  # the user asked for the status of the command, which has ended
        error.show()
        complain(
            f"{container} is still connected; disconnect it with:"
            f" mynetctl disconnect --all {container}"
        )
    raise SystemExit(status)


def _disconnect(session: Session, container: str, pid: int) -> None:
    """Disconnect this sandbox, but no other sandbox of a container with the same name."""
    endpoints = session.pages(
        "NetworkService.ListEndpoints", {"container_id": container}, "endpoints"
    )
    for endpoint in endpoints:
        if endpoint["pid"] == pid:
            request = {"endpoint": endpoint["id"], "allow_missing": True}
            session.call("NetworkService.Disconnect", request)
