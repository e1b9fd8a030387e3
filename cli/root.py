"""The tree of commands, from ``mynetctl`` down."""

import click

from mynet.cli.client import DEFAULT_ADDRESS, Session
from mynet.cli.commands.backup import backup
from mynet.cli.commands.completion import completion
from mynet.cli.commands.connect import connect, disconnect
from mynet.cli.commands.doctor import doctor
from mynet.cli.commands.endpoint import endpoint
from mynet.cli.commands.endpoint_update import update as endpoint_update
from mynet.cli.commands.ipam import ipam
from mynet.cli.commands.network import network
from mynet.cli.commands.plugins import driver
from mynet.cli.commands.run import run
from mynet.cli.commands.topology import topology
from mynet.cli.commands.version import version
from mynet.cli.options import CONTEXT
from mynet.cli.program import Program

_LONGEST_PATH = 107  # unix(7)


def _check_address(_context: click.Context, _parameter: click.Parameter, address: str) -> str:
    if address.startswith("unix:///"):
        if len(address.removeprefix("unix://").encode(errors="replace")) > _LONGEST_PATH:
            raise click.BadParameter(f"a socket's path has at most {_LONGEST_PATH} bytes")
        return address
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise click.BadParameter(f"{address!r} is neither unix:///PATH nor HOST:PORT")
    return address


@click.group(cls=Program, context_settings=CONTEXT)
@click.version_option(package_name="mynetd", message="%(prog)s %(version)s")
@click.option(
    "--address",
    envvar="MYNET_ADDRESS",
    default=DEFAULT_ADDRESS,
    show_default=True,
    show_envvar=True,
    metavar="ADDRESS",
    callback=_check_address,
    help="Where mynetd listens: unix:///PATH or HOST:PORT.",
)
@click.option(
    "--output",
    envvar="MYNET_OUTPUT",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    show_envvar=True,
    help="Tables for people or JSON for programs; may stand behind the command too.",
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
def mynetctl(context: click.Context, address: str, output: str, timeout: float) -> None:
    """Networks, endpoints and addresses for any container, through mynetd.

    \b
    Examples:
      mynetctl network create --subnet 10.1.0.0/24 blue
      mynetctl connect --netns one blue one
      mynetctl run blue -- ping -c 1 10.1.0.2
      mynetctl endpoint ls

    \b
    Exit status:
      0 success, 1 the daemon refused, 2 wrong usage, 3 no daemon answers
    """
    context.obj = Session(address, timeout, output)


_WORK = (network, connect, disconnect, endpoint, run, topology, ipam)
_REST = (driver, doctor, backup, completion, version)
for _command in (*_WORK, *_REST):
    mynetctl.add_command(_command)
for _command in (connect, disconnect):  # where docker has them
    network.add_command(_command)
endpoint.add_command(endpoint_update)
