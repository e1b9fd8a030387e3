"""kill -9 at any moment: what was answered is in the book, what was not is whole or not there."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.testing.bench import Bench
from tests.ipam.audit import audit
from tests.ipam.storm import SUBNETS

# After so many lines it is killed: at once, and when threads are in the middle of everything.
ROUNDS = [1, 40, 333, 1000, 2500]


@dataclass
class Heard:
    """What the storms have said, by owner."""

    asked: set[str] = field(default_factory=set)
    got: dict[str, str] = field(default_factory=dict)
    giving: set[str] = field(default_factory=set)
    gave: set[str] = field(default_factory=set)

    def hear(self, line: str) -> None:
        word, owner, *address = line.split()
        if word == "ask":
            self.asked.add(owner)
        elif word == "got":
            self.got[owner] = address[0]
        elif word == "give":
            self.giving.add(owner)
        else:
            self.gave.add(owner)


def storm(folder: Path, root: Path, name: str, lines: int, heard: Heard) -> None:
    """Run a storm, kill it after so many lines, and hear all that it said until then."""
    command = [sys.executable, "-m", "tests.ipam.storm", str(folder), name]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            for number, line in enumerate(process.stdout, start=1):
                heard.hear(line)
                if number == lines:
                    process.kill()
        finally:
            process.kill()


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path, root: Path) -> None:
    heard = Heard()
    for name, lines in enumerate(ROUNDS):
        storm(tmp_path, root, str(name), lines, heard)
        audit(tmp_path)
        check(tmp_path, heard)
        audit(tmp_path)
    assert len(heard.got) > sum(ROUNDS) / 4
    assert heard.gave


def check(folder: Path, heard: Heard) -> None:
    bench = Bench(BitmapBackend, folder)
    bench.start()
    held = {each.owner: str(each.address) for each in bench.allocations()}
    kept = {owner: address for owner, address in heard.got.items() if owner not in heard.giving}
    assert {owner: held.get(owner) for owner in kept} == kept
    assert not heard.gave & held.keys()
    assert held.keys() <= heard.asked
    assert len(set(held.values())) == len(held)
    # What was committed but never answered is what its owner gets when it asks again.
    for owner in held.keys() - heard.got.keys():
        subnet = SUBNETS[int(owner.split("/")[2]) % 2]
        assert str(bench.allocate(subnet, owner).address) == held[owner]
    fresh = {str(bench.allocate(subnet).address) for subnet in SUBNETS for _ in range(20)}
    assert not fresh & set(held.values())
    for subnet in SUBNETS:
        for each in bench.allocations(subnet):
            if not each.owner:
                bench.release(subnet, each.address)
    bench.stop()
