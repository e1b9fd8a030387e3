"""What healers log."""

from collections.abc import MutableMapping
from typing import Any

Log = list[MutableMapping[str, Any]]


def said(log: Log, event: str) -> list[tuple[str, str]]:
    """Return the subject and the problem of each log line of an event."""
    lines = [line for line in log if line["event"] == event]
    return [(str(line.get("subject", "")).split(" of ")[-1], line["problem"]) for line in lines]
