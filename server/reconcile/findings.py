"""What an examination finds, and what becomes of it."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from mynet.server.calls.call import Call
from mynet.server.errors import Busy

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    ``subject`` says what it is ("endpoint 3f2a..."), ``problem`` what is wrong with it, and
    ``remedy`` what is done about it, or is to be done by hand; a sentence each. ``commands`` are
    the remedy as lines for root's shell, where there are some.
    """

    subject: str
    problem: str
    remedy: str
    repaired: bool = False
    commands: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding before it is known whether it is mended. Without ``mend`` a person has to."""

    subject: str
    description: str
    remedy: str
    mend: Callable[[Call], object] | None = None
    commands: Sequence[str] = ()

    def mended(self) -> Finding:
        """Return what is told of it when something else has mended it."""
        return Finding(
            self.subject, self.description, self.remedy, repaired=True, commands=self.commands
        )


def tell(finding: Finding, error: Exception | None) -> None:
    """Log a finding, and what went wrong with examining or mending it."""
    if error is not None:
        log.error("examining or mending failed", subject=finding.subject, exc_info=error)
    log.warning(
        "found",
        subject=finding.subject,
        problem=finding.problem,
        remedy=finding.remedy,
        repaired=finding.repaired,
        **({"commands": list(finding.commands)} if finding.commands else {}),
    )


class Report:
    """Collects findings. With ``repair`` it mends what it can, each with a call of its own.

    ``tell`` is told each finding as it is made, and the error where there was one. ``left_alone``
    are the objects that somebody else worked on.
    """

    def __init__(
        self,
        calls: Callable[[], Call],
        *,
        repair: bool,
        tell: Callable[[Finding, Exception | None], None] = tell,
    ) -> None:
        self._calls = calls
        self._repair = repair
        self._tell = tell
        self.findings: list[Finding] = []
        self.left_alone: list[str] = []

    def add(self, problem: Problem) -> None:
        """Note something, and mend it if that is wanted and possible."""
        description, repaired, failure = problem.description, False, None
        if self._repair and problem.mend is not None:
            try:
                problem.mend(self._calls())
                repaired = True
            except Exception as error:  # noqa: BLE001 - whatever it is, the others have their turn
                failure = error
                description = f"{description} Mending it failed: {error}."
        finding = Finding(problem.subject, description, problem.remedy, repaired, problem.commands)
        self.note(finding, failure)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note them one by one: what mends the first may be what the second stands on."""
        for problem in problems:
            self.add(problem)

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[Call]:
        """Examine one object: what cannot be examined is a finding, and the others have their turn.

        One that somebody works on at this moment is left to them.
        """
        try:
            yield self._calls()
        except Busy:
            log.info("left alone: somebody works on it", subject=what)
            self.left_alone.append(what)
        except Exception as error:  # noqa: BLE001 - it is told
            remedy = "Look into the daemon's log, and examine again."
            self.note(Finding(what, f"It could not be examined: {error}.", remedy), error)

    def note(self, finding: Finding, error: Exception | None = None) -> None:
        """Note something of which it is known what became, and what went wrong with it."""
        self.findings.append(finding)
        self._tell(finding, error)
