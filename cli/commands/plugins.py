"""``mynetctl driver``, and the listing of plugins that ``mynetctl ipam backend`` shares."""

import itertools

import click

from mynet.cli.client import Session
from mynet.cli.errors import one_line
from mynet.cli.options.shared import command
from mynet.cli.output import render


@click.group()
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
    rows = (
        (
            plugin["name"],
            render.state(plugin["state"]),
            plugin["distribution"],
            plugin["version"],
            ",".join(option["name"] for option in plugin.get("options", [])),
        )
        for plugin in plugins
    )
    table = render.table(("NAME", "STATE", "DISTRIBUTION", "VERSION", "OPTIONS"), rows)
    refused = (
        f"{plugin['name']} ({plugin['distribution']}) was refused: {one_line(plugin['error'])}"
        for plugin in plugins
        if plugin["error"]
    )
    render.show(session.output, {field: plugins}, itertools.chain(table, refused))
