"""``mynetctl run``: a command in a sandbox of its own, on a network while it runs."""

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from mynet.cli.client import Session, prepare
from mynet.cli.commands.completion import network_names
from mynet.cli.endpoint_options import connect_request, endpoint_options
from mynet.cli.errors import Failed, complain
from mynet.cli.netns_process import Sandbox
from mynet.cli.options import CONTEXT

_SECONDS = 5.0  # for cleaning up after a failure, where the daemon may have one too


@click.command(context_settings=CONTEXT)
@click.argument("network", shell_complete=network_names)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
@click.option(
    "--name", default="", metavar="CONTAINER", help="What it is called. [default: run-RANDOM]"
)
@endpoint_options
@click.pass_obj
def run(session: Session, /, network: str, words: Sequence[str], name: str, **fields: Any) -> None:
    """Run a command in a fresh network namespace on a network.

    The sandbox has that network and nothing else. It is disconnected when the command ends, or when
    mynetctl is told to end: signals go to the command. The exit status is the command's, 128 and
    the signal's number if one ended it, 127 if there is no such command. Needs root.

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
    except BaseException:  # it was refused, or not answered, or a signal came at any moment
        with contextlib.suppress(Failed):
            _disconnect(replace(session, timeout=_SECONDS), container, sandbox.pid)
        raise
    try:
        _disconnect(session, container, sandbox.pid)
    except Failed as error:  # the command has ended all the same, and its status is what counts
        error.show()
        complain(f"{container} is still connected; mynetctl disconnect --all {container} ends that")
    raise SystemExit(status)


def _disconnect(session: Session, container: str, pid: int) -> None:
    """End what this sandbox has, and nothing that a container of the same name has elsewhere."""
    found = session.pages("NetworkService.ListEndpoints", {"container_id": container}, "endpoints")
    for endpoint in found:
        if endpoint["pid"] == pid:
            gone = {"endpoint": endpoint["id"], "allow_missing": True}
            session.call("NetworkService.Disconnect", gone)
