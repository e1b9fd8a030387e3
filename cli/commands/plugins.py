"""``mynetctl driver``: the plugins that the daemon found."""

import click

from mynet.cli.client import Session
from mynet.cli.errors import one_line
from mynet.cli.options import CONTEXT, command
from mynet.cli.output import render


@click.group(context_settings=CONTEXT)
def driver() -> None:
    """Show the network drivers.

    \b
    Examples:
      mynetctl driver ls
    """


@command("ls", driver)
def ls(session: Session) -> None:
    """List the network drivers that were found, their options, and why one was refused.

    \b
    Examples:
      mynetctl driver ls
      mynetctl driver ls --output json
    """
    show_plugins(session, "NetworkService.ListDrivers", "drivers")


def show_plugins(session: Session, verb: str, field: str) -> None:
    """Show plugins of either kind."""
    found = session.call(verb, {})[field]
    if session.output == "json":
        render.document({field: found})
        return
    render.table(
        ("NAME", "STATE", "DISTRIBUTION", "VERSION", "OPTIONS"),
        (
            (
                each["name"],
                render.state(each["state"]),
                each["distribution"],
                each["version"],
                ",".join(option["name"] for option in each.get("options", [])),
            )
            for each in found
        ),
    )
    for each in found:
        if each["error"]:
            reason = one_line(each["error"])
            click.echo(f"{each['name']} ({each['distribution']}) was refused: {reason}")
