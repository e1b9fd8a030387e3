"""What all commands have in common: the session, ``--output``, and ``key=value`` options."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import click

from mynet.cli.client import Session
from mynet.cli.errors import Failed, Unreachable

T = TypeVar("T")

CONTEXT = {"help_option_names": ["-h", "--help"]}


def _set_output(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).output = value


def command(
    name: str, *groups: click.Group, outputs: Sequence[str] = ("table", "json")
) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command, and add it to groups; its function gets the session first.

    ``--output`` may stand before the command's name and behind it: people write it behind, where it
    takes these ``outputs``, the one for people first.
    """

    def make(function: Callable[..., Any]) -> click.Command:
        @click.pass_context
        @wraps(function)
        def with_session(context: click.Context, /, **values: Any) -> Any:
            return function(context.ensure_object(Session), **values)

        made = click.command(name, context_settings=CONTEXT)(with_session)
        made.params.append(
            click.Option(
                ["--output"],
                type=click.Choice(outputs),
                expose_value=False,
                callback=_set_output,
                help=f"Show a {_or(outputs)}. [default: as given before the command]",
            )
        )
        for group in groups:
            group.add_command(made)
        return made

    return make


def _or(words: Sequence[str]) -> str:
    *others, last = (word.upper() if word == "json" else word for word in words)
    return f"{', '.join(others)} or {last}"


def each(names: Sequence[str], function: Callable[[str], T]) -> tuple[list[T], int]:
    """Do something for each name; return what came of it, and the exit status.

    One that the daemon refuses is told at once and does not keep the others.
    """
    found: list[T] = []
    status = 0
    for name in names:
        try:
            found.append(function(name))
        except Unreachable:
            raise
        except Failed as error:
            error.show()
            status = error.exit_code
    return found, status


def key_values(
    _context: click.Context, parameter: click.Parameter, given: Sequence[str]
) -> dict[str, str]:
    """Read ``KEY=VALUE`` options; a key alone has an empty value."""
    found: dict[str, str] = {}
    for each in given:
        key, _, value = each.partition("=")
        if not key:
            raise click.BadParameter(f"{each!r} has no key; write KEY=VALUE", param=parameter)
        if key in found:
            raise click.BadParameter(f"key {key!r} is given twice", param=parameter)
        found[key] = value
    return found


label_option = click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="KEY=VALUE",
    callback=key_values,
    help="A label. May be repeated.",
)
label_rm_option = click.option(
    "--label-rm",
    "remove_labels",
    multiple=True,
    metavar="KEY",
    help="A label to take away. May be repeated.",
)
filter_option = click.option(
    "-f",
    "--filter",
    "labels",
    multiple=True,
    metavar="label=KEY=VALUE",
    callback=lambda context, parameter, given: key_values(
        context, parameter, [_label(each, parameter) for each in given]
    ),
    help="Only those with this label. May be repeated; all must match.",
)
opt_option = click.option(
    "-o",
    "--opt",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    callback=key_values,
    help="An option of the driver; `mynetctl driver ls --output json` has them. May be repeated.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print ids alone.")
no_trunc_option = click.option("--no-trunc", is_flag=True, help="Print ids in full.")


def _label(given: str, parameter: click.Parameter) -> str:
    kind, _, label = given.partition("=")
    if kind != "label" or "=" not in label:
        raise click.BadParameter(f"{given!r}: write label=KEY=VALUE", param=parameter)
    return label
