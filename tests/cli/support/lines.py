"""A line with mynetctl in it, as the shell and mynetctl read it."""

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile

import click

from mynet.cli.root import mynetctl


def walk(command: click.Command = mynetctl, *names: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below one, and the command itself, by its path."""
    yield " ".join(("mynetctl", *names)), command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, *names, name)


def named(line: str) -> tuple[list[click.Command], list[str]]:
    """Return the command that a line names, behind all those above it, and the words left over.

    Raises click.UsageError where there is none.
    """
    line = re.sub(r"\$\(.*\)", "ID", line)  # what another command prints
    shell = shlex.shlex(line.partition("mynetctl ")[2], posix=True, punctuation_chars=True)
    shell.whitespace_split = True
    words = list(takewhile(lambda word: not set(word) <= set("|><;&()"), shell))
    context = mynetctl.make_context("mynetctl", [], resilient_parsing=True)
    rest = mynetctl.make_parser(context).parse_args(words)[1]
    chain: list[click.Command] = [mynetctl]
    while rest and isinstance(group := chain[-1], click.Group):
        name = rest.pop(0)
        if name not in group.commands:
            raise click.UsageError(f"{line}: there is no {name}")
        chain.append(group.commands[name])
    return chain, rest


def called(line: str) -> list[click.Command]:
    """Parse a line to its end, but do nothing; return the command and all those above it.

    Raises click.UsageError where the line cannot be typed.
    """
    chain, rest = named(line)
    if len(chain) > 1:
        chain[-1].make_context(line, rest)
    return chain
