"""benchmarks/history.jsonl, which make bench appends to and make bench ARGS=--history shows."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as bench
from benchmarks import history, report
from benchmarks.measure import BENCHMARKS, Line

RUN = history.Run(
    "2026-11-30T12:00+00:00",
    "abc1234",
    history.Machine("A CPU", 2, "6.12", "3.11.7", 12.5),
    {"fast": (Line("calls", 1234.5, "/s", "more than 1000"),), "slow": (Line("start", 2, "s"),)},
)


def test_a_run_is_read_as_it_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert history.read(path) == []
    history.append(RUN, path)
    history.append(replace(RUN, commit="def5678"), path)
    assert history.read(path) == [RUN, replace(RUN, commit="def5678")]


def test_the_committed_history_can_be_read_and_names_its_machine() -> None:
    runs = history.read(history.HISTORY)
    assert runs
    assert all(run.machine.cpu and run.machine.python_start > 0 and run.results for run in runs)
    assert not [run.commit for run in runs if run.commit.endswith(("-dirty", "unknown"))]


def test_runs_stand_beside_each_other() -> None:
    later = replace(RUN, commit="def5678", results={"fast": (Line("calls", 99, "/s"),)})
    machine = "A CPU, 2 cores, Linux 6.12, Python 3.11.7, which starts in 12.5 ms"
    assert list(history.table([RUN, later], [])) == [
        f"(1) 2026-11-30T12:00+00:00  abc1234  {machine}",
        f"(2) 2026-11-30T12:00+00:00  def5678  {machine}",
        "",
        f"{'fast':55}{'(1)':>12}{'(2)':>12}",
        f"  {'calls':53}{'1,234.50':>12}{'99.00':>12} /s",
        "",
        f"{'slow':55}{'(1)':>12}{'(2)':>12}",
        f"  {'start':53}{'2.00':>12}{'-':>12} s",
    ]
    assert not any("slow" in row for row in history.table([RUN, later], ["fast"]))


def test_a_run_is_appended_with_the_machine_it_ran_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.jsonl"
    monkeypatch.setattr(history, "HISTORY", path)
    monkeypatch.setitem(BENCHMARKS, "ipam-memory", lambda _: iter([Line("bytes", 7, "B")]))
    monkeypatch.setattr(report, "write", lambda _results, _folder: ())
    done = CliRunner().invoke(bench.main, ["ipam-memory"])
    assert done.exit_code == 0, done.output
    [run] = history.read(path)
    assert run.results == {"ipam-memory": (Line("bytes", 7, "B"),)}
    assert run.machine.cores > 0
    assert 1 < run.machine.python_start < 10_000
    shown = CliRunner().invoke(bench.main, ["--history", "ipam-memory"]).output
    assert "bytes" in shown
    assert len(history.read(path)) == 1


def test_each_benchmark_is_known_by_name() -> None:
    modules = Path(bench.__file__).parent.rglob("*.py")
    written = re.findall(
        r'^@benchmark\("([^"]+)"', "".join(m.read_text() for m in modules), re.MULTILINE
    )
    assert sorted(written) == sorted(BENCHMARKS)
