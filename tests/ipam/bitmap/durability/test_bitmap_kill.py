"""kill -9 at any moment: what was answered is in the book, what was not is whole or not there."""

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
from tests.ipam.support.storm import SUBNETS, subnet_of
from tests.support.matrix import matrix

SERIES = 5  # of rounds on one file, which is as the last kill left it
# After so many lines a storm is killed: at once, and when all its callers are in the middle of it.
ROUNDS = [1, 33, 70, 110, 160, 230, 330, 470, 680, 1000]


@dataclass
class Heard:
    """What the storms have said, by owner."""

    asked: list[list[str]] = field(default_factory=list)  # together, where it was for a batch
    got: dict[str, str] = field(default_factory=dict)
    giving: set[str] = field(default_factory=set)
    gave: set[str] = field(default_factory=set)

    def hear(self, line: str) -> None:
        word, *words = line.split()
        if word == "ask":
            self.asked.append(words)
        elif word == "got":
            self.got |= dict(zip(words[::2], words[1::2], strict=True))
        elif word == "give":
            self.giving |= set(words)
        else:
            self.gave |= set(words)


class Nest:
    """Where storms come from."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self.words, self.lines = process.stdin, process.stdout

    def storm(self, folder: str, name: str, lines: int, heard: Heard) -> None:
        """Begin a storm, kill it after so many lines, and hear all that it said until then."""
        self.words.write(f"{folder} {name}\n")
        self.words.flush()
        pid = int(self.lines.readline().split()[1])
        try:
            for number, line in enumerate(self.lines, start=1):
                if line == "dead\n":
                    break
                heard.hear(line)
                if number == lines:
                    os.kill(pid, signal.SIGKILL)
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise


@contextmanager
def nest(folder: Path, root: Path) -> Iterator[Nest]:
    command = [sys.executable, "-m", "tests.ipam.support.storm", str(folder)]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Nest(process)


@pytest.mark.parametrize("series", matrix(range(SERIES), short=SERIES))
def test_what_was_acknowledged_outlives_a_kill(series: int, tmp_path: Path, root: Path) -> None:
    heard, folder, unanswered = Heard(), tmp_path / "book", 0
    folder.mkdir()
    with nest(tmp_path, root) as storms:
        for name, lines in enumerate(ROUNDS):
            storms.storm("book", str(name), lines + 7 * series, heard)
            audit(folder)
            unanswered += check(folder, heard)
            audit(folder)
    assert len(heard.got) > sum(ROUNDS) / 4
    assert heard.gave
    assert unanswered


def check(folder: Path, heard: Heard) -> int:
    """Compare the book with what was heard; return how much in it was never answered."""
    bench = Bench(BitmapBackend, folder)
    bench.start()
    held = {each.owner: str(each.address) for each in bench.allocations()}
    assert len(set(held.values())) == len(held)
    kept = {owner: address for owner, address in heard.got.items() if owner not in heard.giving}
    assert {owner: held.get(owner) for owner in kept} == kept
    assert not heard.gave & held.keys()
    assert held.keys() <= {owner for owners in heard.asked for owner in owners}
    for owners in heard.asked:
        assert len(held.keys() & set(owners)) in (0, len(owners)), "half a batch was committed"
    # What was committed but never answered is what its owner gets when it asks again.
    unanswered = held.keys() - heard.got.keys()
    for owner in unanswered:
        assert str(bench.allocate(subnet_of(owner), owner).address) == held[owner]
    fresh = {str(bench.allocate(subnet).address) for subnet in SUBNETS for _ in range(20)}
    assert not fresh & set(held.values())
    for subnet in SUBNETS:
        for each in bench.allocations(subnet):
            if not each.owner:
                bench.release(subnet, each.address)
    bench.stop()
    return len(unanswered)
