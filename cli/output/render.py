"""Showing answers: columns for people, JSON for programs."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from unicodedata import category, east_asian_width

import click

_GAP = 3
_SHORT_ID = 12
_NOTHING = "-"


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns as wide as what is in them, in the manner of ``docker network ls``."""
    lines = [tuple(headers), *(tuple(map(cell, row)) for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ]
        click.echo((" " * _GAP).join(cells).rstrip())


def document(data: object) -> None:
    """Print JSON; where the terminal knows no Unicode, with escapes that JSON has for it."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=not is_unicode()))


def lines(texts: Iterable[str]) -> None:
    """Print a line each; colours go where no terminal shows them."""
    for text in texts:
        click.echo(text, color=colours())


def indented(commands: Iterable[str]) -> Iterable[str]:
    """Set lines for a shell off from the words before them."""
    return (f"    {each}" for each in commands)


def is_unicode() -> bool:
    """Say whether the terminal, or whatever standard output leads to, has more signs than ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or ""
    return encoding.lower().replace("-", "").startswith("utf8")


def colours() -> bool | None:
    """Say that no colours are wanted; None leaves it to click, which has them in a terminal.

    Source: https://no-color.org
    """
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return False if unwanted else None


def short(identifier: str, *, whole: bool = False) -> str:
    """Shorten an id to the 12 digits that tell it from all others, in practice."""
    return identifier if whole else identifier[:_SHORT_ID]


def state(value: str) -> str:
    """Say a state without its enum's name: NETWORK_STATE_READY is ready."""
    return value.partition("_STATE_")[2].lower()


def cell(value: object) -> str:
    """Show a value so that it keeps to its cell: no escape sequence of whoever chose the name."""
    text = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in str(value))
    return text or _NOTHING


def _width(text: str) -> int:
    """Count the columns of a terminal: a sign may take two, or stand on the one before it."""
    if text.isascii():
        return len(text)
    return sum(
        0 if category(sign) in {"Mn", "Me"} else 1 + (east_asian_width(sign) in {"W", "F"})
        for sign in text
    )
