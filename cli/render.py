"""Showing answers: columns for people, JSON for programs."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

_GAP = 3
_SHORT_ID = 12


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns as wide as what is in them, in the manner of ``docker network ls``."""
    lines = [tuple(headers), *(tuple(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo((" " * _GAP).join(cells).rstrip())


def document(data: object) -> None:
    """Print JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def short(identifier: str, *, whole: bool = False) -> str:
    """Shorten an id to the 12 digits that tell it from all others, in practice."""
    return identifier if whole else identifier[:_SHORT_ID]


def state(value: str) -> str:
    """Say a state without its enum's name: NETWORK_STATE_READY is ready."""
    return value.partition("_STATE_")[2].lower()


def pairs(values: dict[str, Any]) -> str:
    """Show labels or options in one cell."""
    return ",".join(f"{key}={value}" for key, value in sorted(values.items()))
