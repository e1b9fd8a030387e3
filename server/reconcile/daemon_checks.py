"""What the doctor finds wrong with the daemon itself."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from mynet.server.reconcile.findings import Problem

DaemonCheck = Callable[[], Iterable[Problem]]


class Audited(Protocol):
    """The part of the audit log that the doctor asks."""

    def trouble(self) -> str:
        """Return a sentence about lines that are not in the log, or ""."""


def audit_problems(audit: Audited) -> Iterator[Problem]:
    """Yield the problem of an audit log that lacks lines."""
    if trouble := audit.trouble():
        yield Problem(
            "the audit log",
            trouble,
            remedy="Make room on its disk, or let its reader go on: then mynetd writes the lines"
            " that wait. The log of mynetd has a line for each call, too.",
        )
