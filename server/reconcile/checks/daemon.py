"""What the doctor finds wrong with the daemon itself."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from mynet.server.model.callers import Listener
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


def insecure_problems(listeners: Iterable[Listener]) -> Iterator[Problem]:
    """Yield a problem for each listener that every program can call which reaches it."""
    for listener in listeners:
        if listener.path is None and not listener.tls:
            yield Problem(
                f"listener {listener.address}",
                "It serves TCP without encryption and authentication: every program that reaches"
                f" the address can call this daemon in the role {listener.role.name.lower()}.",
                remedy="Start mynetd with --tls-cert, --tls-key and --tls-client-ca in place of"
                " --insecure, or let it listen on a unix socket alone.",
            )
