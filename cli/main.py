"""The command ``mynetctl``."""

import click

from mynet.cli import endpoints, run
from mynet.cli.addresses import ipam
from mynet.cli.command import CONTEXT
from mynet.cli.completion import completion
from mynet.cli.networks import network
from mynet.cli.plugins import driver
from mynet.cli.session import DEFAULT_ADDRESS, Session


@click.group(context_settings=CONTEXT)
@click.option(
    "--address",
    envvar="MYNET_ADDRESS",
    default=DEFAULT_ADDRESS,
    show_default=True,
    help="Where mynetd listens: unix:///PATH or HOST:PORT.",
)
@click.option(
    "--output",
    envvar="MYNET_OUTPUT",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Tables for people or JSON for programs.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for an answer.",
)
@click.pass_context
def main(context: click.Context, address: str, output: str, timeout: float) -> None:
    """Networks, endpoints and addresses for any container, through mynetd.

    \b
    Examples:
      mynetctl network create --subnet 10.1.0.0/24 blue
      mynetctl connect --netns one blue one
      mynetctl run blue -- ping -c 1 10.1.0.2
      mynetctl endpoint ls

    Exit status: 0 success, 1 the daemon refused, 2 wrong usage, 3 no daemon answers.
    """
    context.obj = Session(address, timeout, output)


@click.command(context_settings=CONTEXT)
def version() -> None:
    """Print the version of this client.

    \b
    Examples:
      mynetctl version
    """
    from importlib.metadata import version as installed

    click.echo(f"mynetctl {installed('mynetd')}")


for _command in (network, endpoints.endpoint, ipam, driver, completion, version):
    main.add_command(_command)
for _group in (main, network):  # where people look for them, and where docker has them
    endpoints.add_to(_group)
run.add_to(main)


if __name__ == "__main__":
    main()
