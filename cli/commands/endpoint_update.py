"""``mynetctl endpoint update``: ports and labels of an endpoint that is in use."""

from typing import Any

import click

from mynet.cli.client import Session
from mynet.cli.commands.completion import endpoint_ids
from mynet.cli.options import command, label_option, label_rm_option
from mynet.cli.output import render
from mynet.cli.port_syntax import publish_option, read_ports


@command("update")
@click.argument("selected", metavar="ENDPOINT", shell_complete=endpoint_ids)
@publish_option
@click.option(
    "--publish-rm",
    "remove_ports",
    multiple=True,
    metavar="PORTS",
    callback=read_ports,
    help="Ports to take away, written as for --publish. Without HOST_IP or HOST_PORT, wherever they"
    " are published. May be repeated.",
)
@click.option(
    "--replace-ports", is_flag=True, help="End all published ports but those given by --publish."
)
@label_option
@label_rm_option
@click.option(
    "--replace-labels", is_flag=True, help="Take away all labels but those given by --label."
)
def update(session: Session, *, selected: str, **changes: Any) -> None:
    """Change ports and labels of an endpoint while it is in use, and print its id.

    ENDPOINT is an id or the beginning of one. What is not named stays, and so do connections
    through ports that stay.

    \b
    Examples:
      mynetctl endpoint update --publish 8443:443 --publish-rm 8080:80 3f0c
      mynetctl endpoint update --replace-ports 3f0c
      mynetctl endpoint update --label version=2 3f0c
    """
    if not any(changes.values()):
        raise click.UsageError(
            "say what is to change: --publish, --publish-rm, --replace-ports, --label, --label-rm"
            " or --replace-labels"
        )
    request = {"endpoint": selected, **changes}
    changed = session.call("NetworkService.UpdateEndpoint", request)["endpoint"]
    if session.output == "json":
        render.document(changed)
    else:
        click.echo(changed["id"])
