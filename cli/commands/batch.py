"""``mynetctl batch``: many containers in few calls, as the lines of a file name them."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from mynet.cli import files
from mynet.cli.client import Session
from mynet.cli.commands import connect as single
from mynet.cli.commands.endpoint import HEADERS, row
from mynet.cli.errors import Failed, complain
from mynet.cli.options.shared import command
from mynet.cli.output import render

_AT_ONCE = 256  # requests of one call

Request = dict[str, Any]
Line = tuple[int, Request]  # the number of the line, and the request that it is
Outcome = tuple[int, dict[str, Any]]


@click.group()
def batch() -> None:
    """Connect or disconnect many containers at once.

    \b
    Examples:
      mynetctl batch connect containers
      mynetctl batch disconnect containers.gone
    """


_file = click.argument("file", type=click.Path(path_type=Path, allow_dash=True))


@command("connect", batch)
@_file
def connect(session: Session, *, file: Path) -> None:
    """Connect the containers that the lines of FILE name.

    A line has what follows `mynetctl connect`: a network, a container, and options. Empty lines and
    what follows a # are skipped. FILE may be - for standard input. If one container cannot be
    connected, the others are still connected, and the exit status is 1.

    \b
    Examples:
      mynetctl batch connect containers
      printf 'blue %s --netns %s\\n' a a b b | mynetctl batch connect -
    """
    lines = _parsed(file, single.connect, single.request_to_connect)
    outcomes = _sent(session, "NetworkService.BatchConnect", lines)
    status, made = _succeeded(outcomes)
    endpoints = [outcome["endpoint"] for outcome in made]
    render.show(
        session.output, {"endpoints": endpoints}, render.table(HEADERS, map(row, endpoints))
    )
    raise SystemExit(status)


@command("disconnect", batch)
@_file
def disconnect(session: Session, *, file: Path) -> None:
    """Disconnect the containers that the lines of FILE name.

    A line has what follows `mynetctl disconnect`, such as a network and a container. Empty lines
    and what follows a # are skipped. FILE may be - for standard input. If one container cannot be
    disconnected, the others are still disconnected, and the exit status is 1.

    \b
    Examples:
      mynetctl batch disconnect containers
      printf -- '--all %s\\n' one two | mynetctl batch disconnect -
    """
    lines = _parsed(file, single.disconnect, single.request_to_disconnect)
    outcomes = _sent(session, "NetworkService.BatchDisconnect", lines)
    status, gone = _succeeded(outcomes)
    endpoints = [endpoint for outcome in gone for endpoint in outcome["endpoints"]]
    ids = (endpoint["id"] for endpoint in endpoints)
    render.show(session.output, {"endpoints": endpoints}, ids)
    raise SystemExit(status)


def _parsed(file: Path, of: click.Command, request: Callable[..., Request]) -> Sequence[Line]:
    """Return the requests of a file's lines. Raises click.UsageError with all wrong lines."""
    lines: list[Line] = []
    faults: list[str] = []
    parent = click.get_current_context()
    for number, text in enumerate(files.read(file).splitlines(), 1):
        try:
            words = shlex.split(text, comments=True)
            if words:
                context = of.make_context(of.name, words, parent)
                lines.append((number, request(**context.params)))
        except (click.UsageError, ValueError) as error:
            said = error.format_message() if isinstance(error, click.UsageError) else str(error)
            faults.append(f"line {number}: {said}")
    if faults:
        raise click.UsageError(" ".join(faults))
    return lines


def _sent(session: Session, verb: str, lines: Sequence[Line]) -> Iterator[Outcome]:
    """Send the requests, and yield the outcome of each line."""
    for start in range(0, len(lines), _AT_ONCE):
        some = lines[start : start + _AT_ONCE]
        answer = session.call(verb, {"requests": [request for _, request in some]})
        yield from zip((number for number, _ in some), answer["outcomes"], strict=True)


def _succeeded(outcomes: Iterator[Outcome]) -> tuple[int, Sequence[dict[str, Any]]]:
    """Print the failures; return the exit status, and the other outcomes.

    A call that fails as a whole ends the batch. What earlier calls have done is still returned.
    """
    status, succeeded = 0, []
    try:
        for number, outcome in outcomes:
            if failure := outcome.get("failure"):
                status = Failed.exit_code
                complain(f"line {number}: {failure['reason']}: {_said(failure)}")
            else:
                succeeded.append(outcome)
    except Failed as error:
        error.show()
        status = error.exit_code
    return status, succeeded


def _said(failure: dict[str, Any]) -> str:
    wrong = (f"{fault['field']}: {fault['description']}" for fault in failure["violations"])
    return "; ".join(wrong) or str(failure["message"])
