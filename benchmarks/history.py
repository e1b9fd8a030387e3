"""The figures of earlier runs, in benchmarks/history.jsonl: one run a line.

Figures of different machines cannot be compared. So a run records the machine, and how long Python
takes to start on it, which shows how fast and how busy the machine was.
"""

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import cattrs

from benchmarks.measure import Line

HISTORY = Path(__file__).with_name("history.jsonl")
_STARTS = 5


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures of a run depend on, besides the code."""

    cpu: str
    cores: int
    kernel: str
    python: str
    # The milliseconds of ``python -c pass``: the least of several starts.
    python_start: float


@dataclass(frozen=True, slots=True)
class Run:
    """One call of ``make bench``."""

    # In UTC, to the minute, as ISO 8601.
    date: str
    # The abbreviated commit, with ``-dirty`` if files differed from it.
    commit: str
    machine: Machine
    # The lines of each benchmark that ran, by its name.
    results: Mapping[str, Sequence[Line]]


def this_run(results: Mapping[str, Sequence[Line]]) -> Run:
    """Return the run that has just measured these results."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],  # noqa: S607 - found on PATH
        cwd=HISTORY.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    date = datetime.now(UTC).isoformat(timespec="minutes")
    return Run(date, described.stdout.strip() or "unknown", _machine(), results)


def append(run: Run, path: Path) -> None:
    """Append a run to a history."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(run)) + "\n")


def read(path: Path) -> list[Run]:
    """Return the runs of a history, the oldest first."""
    if not path.exists():
        return []
    return [cattrs.structure(json.loads(line), Run) for line in path.read_text().splitlines()]


def table(runs: Sequence[Run], names: Sequence[str]) -> Iterator[str]:
    """Yield lines of text: the runs, and a row a figure of the named benchmarks, or of all."""
    for number, run in enumerate(runs, start=1):
        machine = run.machine
        yield (
            f"({number}) {run.date}  {run.commit}  {machine.cpu}, {machine.cores} cores,"
            f" Linux {machine.kernel}, Python {machine.python}, which starts in"
            f" {machine.python_start:g} ms"
        )
    measured = dict.fromkeys(name for run in runs for name in run.results)
    for name in (name for name in measured if not names or name in names):
        yield ""
        yield f"{name:55}" + "".join(f"{f'({number})':>12}" for number in range(1, len(runs) + 1))
        figures = [{line.what: line for line in run.results.get(name, ())} for run in runs]
        units = {what: line.unit for lines in figures for what, line in lines.items()}
        for what, unit in units.items():
            cells = (
                f"{lines[what].value:12,.2f}" if what in lines else f"{'-':>12}"
                for lines in figures
            )
            yield f"  {what:53}" + "".join(cells) + f" {unit}"


def _machine() -> Machine:
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return Machine(
        cpu=model[1] if model else platform.machine(),
        cores=os.cpu_count() or 1,
        kernel=platform.release().partition("-")[0],  # what follows names a build
        python=platform.python_version(),
        python_start=round(min(_start_python() for _ in range(_STARTS)) * 1e3, 1),
    )


def _start_python() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - begun
