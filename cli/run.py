"""``mynetctl run``: a command in a sandbox of its own, on a network while it runs."""

import secrets
from collections.abc import Sequence
from typing import Any

import click

from mynet.cli.command import command
from mynet.cli.completion import network_names
from mynet.cli.endpoints import connect_request, wish_options
from mynet.cli.sandbox import Sandbox
from mynet.cli.session import Session


def add_to(group: click.Group) -> click.Group:
    """Add ``run`` to a group."""
    command(group, "run")(_run)
    return group


@click.argument("network", shell_complete=network_names)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
@click.option("--name", default="", help="What the container is called. [default: run-RANDOM]")
@wish_options
def _run(session: Session, *, network: str, words: Sequence[str], name: str, **fields: Any) -> None:
    """Run a command in a fresh network namespace on a network.

    The sandbox has that network and nothing else; it is disconnected when the command ends, whose
    exit status is mynetctl's. Needs root.

    \b
    Examples:
      mynetctl run blue -- ip addr
      mynetctl run --ip 10.1.0.7 blue -- python3 -m http.server
    """
    container = name or f"run-{secrets.token_hex(6)}"
    sandbox = Sandbox(words)
    request = connect_request(network, container, {"pid": sandbox.pid, **fields})
    try:
        endpoint = session.call("NetworkService.Connect", request)["endpoint"]
    except BaseException:
        sandbox.abandon()
        raise
    try:
        status = sandbox.go()
    finally:
        gone = {"endpoint": endpoint["id"], "allow_missing": True}
        session.call("NetworkService.Disconnect", gone)
    raise SystemExit(status)
