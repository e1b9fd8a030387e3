"""Findings of an examination, and the repair of what was found."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import structlog

from mynet.server.calls.call import Call
from mynet.server.errors import Busy

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference between what should be and what is, for people. Each text is a sentence."""

    # The object, such as "endpoint 3f2a... of container web-1".
    subject: str
    # What is wrong with the object.
    problem: str
    # What the daemon does about it, or what a person has to do.
    remedy: str
    # Whether the object has been repaired.
    repaired: bool = False
    # The remedy as lines for root's shell, if there are any.
    commands: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Repair:
    """What the daemon can do about a problem."""

    # What the repair does, after "mynetctl doctor --repair": "removes it".
    offer: str
    # What the repair has done, as a sentence: "It is removed."
    result: str
    run: Callable[[Call], object]
    # Looks at the object again; returns what is still wrong with it, a sentence each.
    look: Callable[[Call], Sequence[str]] | None = None


def removal(run: Callable[[Call], object]) -> Repair:
    """Return the repair that removes an object."""
    return Repair("removes it", "It is removed.", run)


def restoration(run: Callable[[Call], object], look: Callable[[Call], Sequence[str]]) -> Repair:
    """Return the repair that makes an object what it should be."""
    return Repair("repairs it", "It is repaired.", run, look)


@dataclass(frozen=True, slots=True)
class Problem:
    """A difference before it is known whether it can be repaired."""

    # As in Finding.
    subject: str
    description: str
    # None where a person has to repair the object.
    repair: Repair | None = None
    # What a person has to do, without a repair.
    remedy: str = ""
    commands: Sequence[str] = ()

    def found(self) -> Finding:
        """Return the finding for a problem that is there."""
        remedy = f"mynetctl doctor --repair {self.repair.offer}." if self.repair else self.remedy
        return Finding(self.subject, self.description, remedy, commands=self.commands)

    def repaired(self) -> Finding:
        """Return the finding for a problem that has been repaired, as a second look has shown."""
        result = self.repair.result if self.repair else self.remedy
        return Finding(self.subject, self.description, result, repaired=True)

    def not_repaired(self, reason: str) -> Finding:
        """Return the finding for a problem that is there after an attempt to repair it."""
        return Finding(
            self.subject,
            f"{self.description} The repair failed: {reason}",
            "Remove the cause, then run mynetctl doctor --repair.",
        )


def log_finding(finding: Finding, error: Exception | None) -> None:
    """Log a finding, and the error of its examination or repair."""
    if error is not None:
        log.error("examination or repair failed", subject=finding.subject, exc_info=error)
    said = {name: value for name, value in asdict(finding).items() if value or name != "commands"}
    log.warning("found", **said)


class Examination:
    """One examination of some objects: it collects findings, and repairs if it is asked to."""

    def __init__(
        self,
        calls: Callable[[], Call],
        *,
        repair: bool,
        observe: Callable[[Finding, Exception | None], None] = log_finding,
    ) -> None:
        """Begin an examination. ``observe`` gets each finding, and the error if there was one.

        ``calls`` makes the call under which each object is examined, and each problem repaired.
        """
        self._calls = calls
        self._repair = repair
        self._observe = observe
        self.findings: list[Finding] = []
        # What was not examined, and why: a sentence each.
        self.unexamined: list[str] = []
        # What a person should know and is no problem: a sentence each.
        self.notes: list[str] = []

    def call(self) -> Call:
        """Return a call for a step that is about no single object."""
        return self._calls()

    def add(self, problem: Problem) -> None:
        """Record a problem, and repair it if that is asked for and possible.

        A problem is repaired if a second look finds nothing.
        """
        if not self._repair or problem.repair is None:
            self.record(problem.found())
            return
        try:
            problem.repair.run(self._calls())
            left = problem.repair.look(self._calls()) if problem.repair.look else ()
        except Exception as error:  # noqa: BLE001 - the other problems are still repaired
            self.record(problem.not_repaired(f"{error}."), error)
        else:
            self.record(problem.not_repaired(" ".join(left)) if left else problem.repaired())

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add problems one by one: a repair may be what the check of the next relies on."""
        for problem in problems:
            self.add(problem)

    @contextlib.contextmanager
    def step(self, subject: str) -> Iterator[Call]:
        """Run a block that examines one object, with a call of its own.

        An error in the block is recorded as a finding, and not raised. An object that a call is
        changing is skipped.
        """
        try:
            yield self._calls()
        except Busy:
            log.info("left alone: another call is changing it", subject=subject)
            self.unexamined.append(f"{subject}: another call is changing it.")
        except Exception as error:  # noqa: BLE001 - the other objects are still examined
            remedy = "Look into the daemon's log, and examine again."
            self.record(Finding(subject, f"It could not be examined: {error}.", remedy), error)

    def record(self, finding: Finding, error: Exception | None = None) -> None:
        """Record a finding, and the error of its examination or repair."""
        self.findings.append(finding)
        self._observe(finding, error)
