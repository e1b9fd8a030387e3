"""Printing answers: tables for people, JSON for programs."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from unicodedata import category, east_asian_width

import click

from mynet.cli.visible import visible, visible_json, visible_lines

_GAP = 3
_SHORT_ID = 12
_WIDEST_NAME = 32  # columns of a terminal
_NOTHING = "-"


def show(output: str, data: object, text: Iterable[str]) -> None:
    """Print an answer in the format that the user chose: ``data`` as JSON, or lines of text."""
    if output == "json":
        document(data)
    else:
        lines(text)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a table, aligned as ``docker network ls`` does."""
    lines = [tuple(headers), *(tuple(map(cell, row)) for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ]
        yield (" " * _GAP).join(cells).rstrip()


def document(data: object) -> None:
    """Print JSON. Without Unicode, other characters than ASCII become JSON escapes."""
    click.echo(visible_json(json.dumps(data, indent=2, ensure_ascii=not is_unicode())))


def lines(texts: Iterable[str]) -> None:
    """Print each text on a line, with its colours only if they are wanted."""
    for text in texts:
        click.echo(visible_lines(text), color=colours())


def indented(commands: Iterable[str]) -> Iterable[str]:
    """Yield shell commands, indented to set them off from the text before them."""
    return (f"    {line}" for line in commands)


def is_unicode() -> bool:
    """Return whether standard output can print more characters than ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or ""
    return encoding.lower().replace("-", "").startswith("utf8")


def colours() -> bool | None:
    """Return False if the user wants no colours. With None, click uses them in a terminal.

    Source: https://no-color.org
    """
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return False if unwanted else None


def short(identifier: str, *, whole: bool = False) -> str:
    """Return the first 12 digits of an id, which are unique in practice, or the ``whole`` id."""
    return identifier if whole else identifier[:_SHORT_ID]


def shortened(name: str, *, whole: bool = False) -> str:
    """Return a name that callers choose, cut so that a table stays readable, or ``whole``."""
    text = cell(name)
    if whole or _width(text) <= _WIDEST_NAME:
        return name
    mark = "\N{HORIZONTAL ELLIPSIS}" if is_unicode() else "..."
    widths = accumulate(map(_width, text))
    return text[: sum(width <= _WIDEST_NAME - _width(mark) for width in widths)] + mark


def state(value: str) -> str:
    """Return a state without the name of its enum: "ready" for NETWORK_STATE_READY."""
    return value.partition("_STATE_")[2].lower()


def cell(value: object) -> str:
    """Return a value as a cell's text. Escape sequences in names are made visible."""
    return visible(str(value)) or _NOTHING


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes. A character takes none, one or two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if category(char) in {"Mn", "Me"} else 1 + (east_asian_width(char) in {"W", "F"})
        for char in text
    )
