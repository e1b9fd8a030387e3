"""Options and behaviour that several commands share."""

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
    """Return a decorator that makes a function a command, and adds it to groups.

    The function gets the session as its first argument. The command takes ``--output`` with these
    ``outputs``, because people write the option after the command as often as before it.
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
                help=f"Print a {_alternatives(outputs)}. [default: as given before the command]",
            )
        )
        for group in groups:
            group.add_command(made)
        return made

    return make


def _alternatives(words: Sequence[str]) -> str:
    *others, last = (word.upper() if word == "json" else word for word in words)
    return f"{', '.join(others)} or {last}"


def for_each(names: Sequence[str], function: Callable[[str], T]) -> tuple[list[T], int]:
    """Call a function for each name, and return the results and the exit status.

    If the daemon refuses one name, its error is printed and the next name follows. Raises
    Unreachable.
    """
    results: list[T] = []
    status = 0
    for name in names:
        try:
            results.append(function(name))
        except Unreachable:
            raise
        except Failed as error:
            error.show()
            status = error.exit_code
    return results, status


def key_values(
    _context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    """Parse ``KEY=VALUE`` options. A key without "=" has an empty value."""
    pairs: dict[str, str] = {}
    for text in values:
        key, _, value = text.partition("=")
        if not key:
            raise click.BadParameter(f"{text!r} has no key; write KEY=VALUE", param=parameter)
        if key in pairs:
            raise click.BadParameter(f"key {key!r} is given twice", param=parameter)
        pairs[key] = value
    return pairs


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
    help="A label to remove. May be repeated.",
)
filter_option = click.option(
    "-f",
    "--filter",
    "labels",
    multiple=True,
    metavar="label=KEY=VALUE",
    callback=lambda context, parameter, values: key_values(
        context, parameter, [_label(text, parameter) for text in values]
    ),
    help="Show only objects with this label. May be repeated; all must match.",
)
opt_option = click.option(
    "-o",
    "--opt",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    callback=key_values,
    help="An option of the driver; see `mynetctl driver ls --output json`. May be repeated.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print ids only.")
no_trunc_option = click.option("--no-trunc", is_flag=True, help="Print ids in full.")


def _label(text: str, parameter: click.Parameter) -> str:
    kind, _, label = text.partition("=")
    if kind != "label" or "=" not in label:
        raise click.BadParameter(f"{text!r}: write label=KEY=VALUE", param=parameter)
    return label
