"""Parsing a line that calls mynetctl, as the shell and mynetctl do."""

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile

import click

from mynet.cli.program import mynetctl


def walk(command: click.Command = mynetctl, *names: str) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and every command below it, with their paths."""
    yield " ".join(("mynetctl", *names)), command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, *names, name)


def named(line: str) -> tuple[list[click.Command], list[str]]:
    """Return the command that a line names, after all its groups, and the remaining words.

    Raises click.UsageError if there is no such command.
    """
    line = re.sub(r"\$\(.*\)", "ID", line)  # stands for the output of another command
    shell = shlex.shlex(line.partition("mynetctl ")[2], posix=True, punctuation_chars=True)
    shell.whitespace_split = True
    words = list(takewhile(lambda word: not set(word) <= set("|><;&()"), shell))
    context = mynetctl.make_context("mynetctl", [], resilient_parsing=True)
    rest = mynetctl.make_parser(context).parse_args(words)[1]
    chain: list[click.Command] = [mynetctl]
    while rest and isinstance(group := chain[-1], click.Group):
        name = rest.pop(0)
        if name not in group.commands:
            raise click.UsageError(f"{line}: there is no command {name}")
        chain.append(group.commands[name])
    return chain, rest


def called(line: str) -> list[click.Command]:
    """Parse a line without running it, and return the command after all its groups.

    Raises click.UsageError if the line is not valid.
    """
    chain, rest = named(line)
    if len(chain) > 1:
        program = mynetctl.make_context("mynetctl", [], resilient_parsing=True)
        chain[-1].make_context(line, rest, program)
    return chain
