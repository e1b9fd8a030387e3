"""The command ``mynetctl``: its global options, its commands, and how it reports errors."""

import io
import os
import sys
from functools import partial
from typing import Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from mynet.cli.client import Session
from mynet.cli.errors import Failed, complain
from mynet.cli.late_commands import LateCommands
from mynet.cli.options.target import chosen_target, target_options

_STDOUT = 1
_COMMANDS = LateCommands(
    network="network",
    connect="connect",
    disconnect="connect",
    batch="batch",
    endpoint="endpoint",
    run="run",
    topology="topology",
    ipam="ipam.group",
    driver="plugins",
    doctor="doctor",
    backup="backup",
    context="context",
    completion="completion",
    version="version",
)


class Program(click.Group):
    """A group that prints each error on one line; click itself prints three."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command that the arguments name, and exit."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # it is None where it is closed
                # A name may have characters that the locale's encoding lacks.
                stream.reconfigure(errors="backslashreplace")
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except NoArgsIsHelpError as error:
            error.show()
            status = error.exit_code
        except click.UsageError as error:
            complain(f"USAGE: {_with_help_hint(error)}")
            status = error.exit_code
        except click.ClickException as error:
            error.show()
            status = error.exit_code
        except click.Abort as error:
            raise KeyboardInterrupt from error
        except OSError as error:  # such as a full disk; click itself handles a closed pipe
            complain(f"IO_ERROR: output cannot be written: {error}")
            status = Failed.exit_code
            # Otherwise Python flushes standard output when it exits, and fails again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
        sys.exit(status if isinstance(status, int) else 0)


def _with_help_hint(error: click.UsageError) -> str:
    text = error.format_message()
    if error.ctx is None:
        return text
    stop = "" if text.endswith((".", "?")) else "."
    return f"{text}{stop} See: {error.ctx.command_path} --help"


@click.group(
    cls=Program, commands=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="mynetd", message="%(prog)s %(version)s")
@target_options
@click.option(
    "--output",
    envvar="MYNET_OUTPUT",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    show_envvar=True,
    help="Tables for people or JSON for programs. Also accepted after the command.",
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
def mynetctl(root: click.Context, /, output: str, timeout: float, **_: object) -> None:
    """Manage networks, endpoints and addresses of mynetd.

    \b
    Examples:
      mynetctl network create --subnet 10.1.0.0/24 blue
      mynetctl connect --netns one blue one
      mynetctl run blue -- ping -c 1 10.1.0.2
      mynetctl endpoint ls

    \b
    Exit status:
      0  success
      1  the daemon refused the request, or a check found a problem
      2  wrong usage
      3  the daemon did not answer
    """
    root.obj = Session(partial(chosen_target, root), timeout, output)
