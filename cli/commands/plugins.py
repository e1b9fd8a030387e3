"""``mynetctl driver``, and the listing of plugins that ``mynetctl ipam backend`` shares."""

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
    """List the network drivers and their options, and why mynetd refused one.

    \b
    Examples:
      mynetctl driver ls
      mynetctl driver ls --output json
    """
    show_plugins(session, "NetworkService.ListDrivers", "drivers")


def show_plugins(session: Session, verb: str, field: str) -> None:
    """Print the drivers or the backends that a list verb returns."""
    plugins = session.call(verb, {})[field]
    if session.output == "json":
        render.document({field: plugins})
        return
    render.table(
        ("NAME", "STATE", "DISTRIBUTION", "VERSION", "OPTIONS"),
        (
            (
                plugin["name"],
                render.state(plugin["state"]),
                plugin["distribution"],
                plugin["version"],
                ",".join(option["name"] for option in plugin.get("options", [])),
            )
            for plugin in plugins
        ),
    )
    for plugin in plugins:
        if plugin["error"]:
            reason = one_line(plugin["error"])
            click.echo(f"{plugin['name']} ({plugin['distribution']}) was refused: {reason}")
