"""The outermost command: whatever goes wrong below it is one line and an exit status."""

import io
import os
import sys
from typing import Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from mynet.cli.errors import Failed, complain

_STDOUT = 1


class Program(click.Group):
    """A group that ends the process itself; click's own way takes three lines for an error."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command that the arguments name, and end the process."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # and not closed
                stream.reconfigure(errors="backslashreplace")  # what the locale has no sign for
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except NoArgsIsHelpError as error:
            error.show()
            status = error.exit_code
        except click.UsageError as error:
            complain(f"USAGE: {_sentence(error)}")
            status = error.exit_code
        except click.ClickException as error:
            error.show()
            status = error.exit_code
        except click.Abort as error:
            raise KeyboardInterrupt from error
        except OSError as error:  # a full disk behind `>`; click has taken care of a closed pipe
            complain(f"IO_ERROR: {error}")
            status = Failed.exit_code
            os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)  # or Python tries again, in the end
        sys.exit(status if isinstance(status, int) else 0)


def _sentence(error: click.UsageError) -> str:
    text = error.format_message()
    if error.ctx is None:
        return text
    stop = "" if text.endswith((".", "?")) else "."
    return f"{text}{stop} See: {error.ctx.command_path} --help"
