"""After kill -9, all answered changes are in the file, and the others whole or not at all."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.audit import audit
from tests.ipam.support.stress import SUBNETS, subnet_of
from tests.support.matrix import matrix

SERIES = 5  # of rounds on one file, each of which continues after the last kill
# A process is killed after so many lines: at once, and when all its callers are at work.
ROUNDS = [1, 33, 70, 110, 160, 230, 330, 470, 680, 1000]


@dataclass
class Output:
    """What the processes have printed, by owner."""

    asked: list[list[str]] = field(default_factory=list)  # the owners of each request
    got: dict[str, str] = field(default_factory=dict)
    giving: set[str] = field(default_factory=set)
    gave: set[str] = field(default_factory=set)

    def add(self, line: str) -> None:
        word, *words = line.split()
        if word == "ask":
            self.asked.append(words)
        elif word == "got":
            self.got |= dict(zip(words[::2], words[1::2], strict=True))
        elif word == "give":
            self.giving |= set(words)
        else:
            self.gave |= set(words)


class Spawner:
    """The process that forks the callers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self.words, self.lines = process.stdin, process.stdout

    def run(self, folder: str, name: str, lines: int, output: Output) -> None:
        """Start the callers, kill them after so many lines, and read all their output."""
        self.words.write(f"{folder} {name}\n")
        self.words.flush()
        pid = int(self.lines.readline().split()[1])
        try:
            for number, line in enumerate(self.lines, start=1):
                if line == "dead\n":
                    break
                output.add(line)
                if number == lines:
                    os.kill(pid, signal.SIGKILL)
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise


@contextmanager
def spawner(folder: Path, root: Path) -> Iterator[Spawner]:
    command = [sys.executable, "-m", "tests.ipam.support.stress", str(folder)]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Spawner(process)


@pytest.mark.parametrize("series", matrix(range(SERIES), short=SERIES))
def test_what_was_acknowledged_outlives_a_kill(series: int, tmp_path: Path, root: Path) -> None:
    output, folder, unanswered = Output(), tmp_path / "killed", 0
    folder.mkdir()
    with spawner(tmp_path, root) as processes:
        for name, lines in enumerate(ROUNDS):
            processes.run("killed", str(name), lines + 7 * series, output)
            audit(folder)
            unanswered += check(folder, output)
            audit(folder)
    assert len(output.got) > sum(ROUNDS) / 4
    assert output.gave
    assert unanswered


def check(folder: Path, output: Output) -> int:
    """Compare the file with the output; return how many of its allocations were never answered."""
    bench = Bench(BitmapBackend, folder)
    bench.start()
    held = {allocation.owner: str(allocation.address) for allocation in bench.allocations()}
    assert len(set(held.values())) == len(held)
    kept = {owner: address for owner, address in output.got.items() if owner not in output.giving}
    assert {owner: held.get(owner) for owner in kept} == kept
    assert not output.gave & held.keys()
    assert held.keys() <= {owner for owners in output.asked for owner in owners}
    for owners in output.asked:
        assert len(held.keys() & set(owners)) in (0, len(owners)), "half a batch was committed"
    # An owner whose request was committed but never answered gets the same address again.
    unanswered = held.keys() - output.got.keys()
    for owner in unanswered:
        assert str(bench.allocate(subnet_of(owner), owner).address) == held[owner]
    fresh = {str(bench.allocate(subnet).address) for subnet in SUBNETS for _ in range(20)}
    assert not fresh & set(held.values())
    for subnet in SUBNETS:
        for allocation in bench.allocations(subnet):
            if not allocation.owner:
                bench.release(subnet, allocation.address)
    bench.stop()
    return len(unanswered)
