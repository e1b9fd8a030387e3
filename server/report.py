"""What an examination finds, and what becomes of it."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from mynet.server.call import Call
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
class Ailment:
    """A finding before it is known whether it is mended. Without ``mend`` a person has to."""

    subject: str
    problem: str
    remedy: str
    mend: Callable[[Call], object] | None = None
    commands: Sequence[str] = ()


class Report:
    """Collects findings. With ``repair`` it mends what it can, each with a call of its own."""

    def __init__(self, calls: Callable[[], Call], *, repair: bool) -> None:
        self._calls = calls
        self._repair = repair
        self.findings: list[Finding] = []

    def add(self, ailment: Ailment) -> None:
        """Note something, and mend it if that is wanted and possible."""
        problem, repaired = ailment.problem, False
        if self._repair and ailment.mend is not None:
            try:
                ailment.mend(self._calls())
                repaired = True
            except Exception as error:  # whatever it is, the others have their turn
                log.exception("mending failed", subject=ailment.subject)
                problem = f"{problem} Mending it failed: {error}."
        self.note(Finding(ailment.subject, problem, ailment.remedy, repaired, ailment.commands))

    def extend(self, ailments: Iterable[Ailment]) -> None:
        """Note them one by one: what mends the first may be what the second stands on."""
        for ailment in ailments:
            self.add(ailment)

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[Call]:
        """Examine one object: what cannot be examined is a finding, and the others have their turn.

        One that somebody works on at this moment is left to them.
        """
        try:
            yield self._calls()
        except Busy:
            log.info("left alone: somebody works on it", subject=what)
        except Exception as error:
            log.exception("examining failed", subject=what)
            remedy = "Look into the daemon's log, and examine again."
            self.note(Finding(what, f"It could not be examined: {error}.", remedy))

    def note(self, finding: Finding) -> None:
        """Note something of which it is known what became."""
        log.warning(
            "found",
            subject=finding.subject,
            problem=finding.problem,
            remedy=finding.remedy,
            repaired=finding.repaired,
            **({"commands": list(finding.commands)} if finding.commands else {}),
        )
        self.findings.append(finding)
