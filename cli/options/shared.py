"""Options and behaviour that several commands share."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeAlias, TypeVar

import click

from mynet.cli.client import Session
from mynet.cli.errors import Failed, Unreachable
from mynet.cli.output import render

T = TypeVar("T")
Function: TypeAlias = Callable[..., Any]
Decorator: TypeAlias = Callable[[Function], Function]


def _set_output(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).output = value


def command(
    name: str, *groups: click.Group, outputs: Sequence[str] = ("table", "json")
) -> Callable[[Function], click.Command]:
    """Return a decorator that makes a function a command, and adds it to groups.

    The function gets the session as its first argument. The command takes ``--output`` with these
    ``outputs``, because people write the option after the command as often as before it.
    """

    def make(function: Function) -> click.Command:
        @click.pass_context
        @wraps(function)
        def with_session(context: click.Context, /, **values: Any) -> Any:
            return function(context.ensure_object(Session), **values)

        made = click.command(name)(with_session)
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


def delete_each(
    session: Session, verb: str, field: str, names: Sequence[str], **flags: bool
) -> int:
    """Call a delete verb for each name, print what was deleted, and return the exit status."""

    def delete(name: str) -> str:
        session.call(verb, {field: name, **flags})
        if session.output != "json":
            render.lines([name])
        return name

    removed, status = for_each(names, delete)
    if session.output == "json":
        render.document({"removed": removed})
    return status


def key_values(
    _context: click.Context, _parameter: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    """Parse ``KEY=VALUE`` options. A key without "=" has an empty value."""
    pairs: dict[str, str] = {}
    for text in values:
        key, _, value = text.partition("=")
        if not key:
            raise click.BadParameter(f"{text!r} has no key; write KEY=VALUE")
        if key in pairs:
            raise click.BadParameter(f"key {key!r} is given twice")
        pairs[key] = value
    return pairs


def _label(text: str) -> str:
    """Return the label of a filter. It is a type for click's options."""
    kind, _, label = text.partition("=")
    if kind != "label" or "=" not in label:
        raise click.BadParameter(f"{text!r}: write label=KEY=VALUE")
    return label


def together(*options: Decorator) -> Decorator:
    """Return a decorator that adds several options to a command, in this order."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


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
    type=_label,
    callback=key_values,
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
opt_rm_option = click.option(
    "--opt-rm",
    "remove_options",
    multiple=True,
    metavar="KEY",
    help="An option to remove, so that it has its default again. May be repeated.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print ids only.")
no_trunc_option = click.option("--no-trunc", is_flag=True, help="Print ids in full.")
reserved_option = click.option(
    "--reserved",
    multiple=True,
    metavar="ADDRESSES",
    help="Never allocate these: an address, a subnet, or FIRST-LAST. May be repeated.",
)
backend_option = click.option(
    "--backend",
    default="",
    metavar="BACKEND",
    help="The IPAM backend that stores the allocations. [default: bitmap]",
)
special_purpose_option = click.option(
    "--allow-special-purpose",
    is_flag=True,
    help="Accept a subnet in a block with a special purpose, such as 169.254.0.0/16.",
)
