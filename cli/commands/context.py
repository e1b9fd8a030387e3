"""``mynetctl context``: daemons by name."""

import os
import re
from dataclasses import replace
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from mynet.cli import contexts
from mynet.cli.client import Session
from mynet.cli.contexts import DEFAULT, Contexts
from mynet.cli.errors import Failed, complain
from mynet.cli.options.shared import command
from mynet.cli.options.target import chosen_context, tls_options
from mynet.cli.output import render
from mynet.cli.target import make_target, parse_address

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.+-]{0,62}")


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        names = (DEFAULT, *contexts.load().targets)
    except Failed:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.group()
def context() -> None:
    """Give daemons names, and choose the one that mynetctl calls.

    \b
    Examples:
      mynetctl context add --address unix:///run/mynet/reader.sock reader
      mynetctl context use reader
      mynetctl --context default context show
    """


@command("add", context)
@click.option("--address", type=parse_address, required=True, metavar="ADDRESS", help="Required.")
@tls_options()
@click.argument("name")
def add(session: Session, *, name: str, address: str, **paths: Path | None) -> None:
    """Add a context, without using it.

    mynetctl remembers the paths of the files. It reads the files for each call.

    \b
    Examples:
      mynetctl context add --address unix:///run/mynet/reader.sock reader
      mynetctl context add --address h:5050 --tls-ca ca --tls-cert c --tls-key k h
    """
    if not _NAME.fullmatch(name):
        raise click.UsageError(
            f"{name!r} cannot be the name of a context: write up to 63 letters, digits and _.+-,"
            " beginning with a letter or a digit"
        )
    known = contexts.load()
    if name == DEFAULT or name in known.targets:
        raise Failed(
            "CONTEXT_EXISTS",
            f"there is a context {name!r} already; remove it first, or choose another name",
        )
    for path in paths.values():
        if path and not path.is_file():
            raise click.UsageError(f"{path} is not a file")
    target = make_target(address, {key: path and path.absolute() for key, path in paths.items()})
    contexts.save(replace(known, targets={**known.targets, name: target}))
    render.show(session.output, {"name": name, **target.fields()}, [name])


@command("ls", context)
def ls(session: Session) -> None:
    """List the contexts. A star marks the current one.

    \b
    Examples:
      mynetctl context ls
    """
    known = contexts.load()
    listed = [
        {"name": name, "current": name == known.current, **known.target(name).fields()}
        for name in (DEFAULT, *sorted(known.targets))
    ]
    rows = (
        (f"{item['name']}{' *' * bool(item['current'])}", item["address"], item["tls_cert"] or "-")
        for item in listed
    )
    table = render.table(("NAME", "ADDRESS", "CERTIFICATE"), rows)
    render.show(session.output, {"contexts": listed}, table)


@command("use", context)
@click.argument("name", shell_complete=_complete)
def use(session: Session, *, name: str) -> None:
    """Make a context the current one.

    The context "default" is this host's daemon.

    \b
    Examples:
      mynetctl context use web-1
      mynetctl context use default
    """
    known = contexts.load()
    target = known.target(name)
    contexts.save(replace(known, current=name))
    for variable in ("MYNET_ADDRESS", "MYNET_CONTEXT"):
        if os.environ.get(variable):
            complain(f"the variable {variable} is set, and goes before the current context")
    render.show(session.output, {"name": name, **target.fields()}, [name])


@command("show", context)
@click.pass_context
def show(click_context: click.Context, session: Session) -> None:
    """Print the name of the context in use.

    It is "-" if --address or MYNET_ADDRESS is given.

    \b
    Examples:
      mynetctl context show
      mynetctl context show --output json
    """
    name = chosen_context(click_context.find_root())
    render.show(session.output, {"name": name, **session.target.fields()}, [name or "-"])


@command("rm", context)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=_complete)
def rm(session: Session, *, names: tuple[str, ...]) -> None:
    """Remove contexts. The files of their certificates stay.

    \b
    Examples:
      mynetctl context rm web-1
    """
    known = contexts.load()
    for name in names:
        known.target(name)
        if name in (DEFAULT, known.current):
            raise Failed(
                "CONTEXT_IN_USE",
                f"{name} stays, as it is the current context or this host's; use another one first:"
                " mynetctl context use default",
            )
    left = {name: target for name, target in known.targets.items() if name not in names}
    contexts.save(Contexts(known.current, left))
    render.show(session.output, {"removed": names}, names)
