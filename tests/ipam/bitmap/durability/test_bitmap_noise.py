"""A file with damaged bytes is refused, or reads as it was written: no answer is ever wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network
from itertools import product
from pathlib import Path

import pytest

from mynet.ipam.api import Allocation, Holding, Subnet
from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.errors import StoreDamaged
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.damage import cells, cells_of_log, flip, with_checksums
from tests.ipam.support.databases import contents, noise
from tests.support.matrix import matrix

LONG = 86400.0
IPV4 = Subnet(ip_network("10.1.0.0/23"), cooldown=LONG, retention=LONG)
IPV6 = Subnet(ip_network("fd00:1::/64"), cooldown=LONG, retention=LONG)
SUBNETS = (IPV4, IPV6)
PLACES = 11  # cells that one test damages are so many apart


def writing(bench: Bench) -> Iterator[None]:
    """Allocate 80 addresses with keys and release 16; yield after each commit."""
    for subnet in map(bench.open, SUBNETS):
        for start in (20, 40):
            owners = [f"vm-{number}" for number in range(start, start + 20)]
            held = [
                Holding(subnet.cidr[number], owner, f"key {number}", {"n": "x"})
                for number, owner in enumerate(owners, start=start)
            ]
            bench.load((subnet, held))
            yield
    for number in range(20, 28):
        bench.release_owner(f"vm-{number}")
        yield


def answers(bench: Bench) -> list[object]:
    """Return what the queries answer, which read every table and every index."""
    by_owner = [bench.allocations(owner=f"vm-{number}") for number in range(20, 60, 3)]
    by_key = [
        bench.recall(subnet, f"key {number}") for subnet in SUBNETS for number in (22, 25, 40)
    ]
    counts = [
        (bench.usage(subnet), bench.parts(subnet, subnet.cidr.prefixlen + 4)) for subnet in SUBNETS
    ]
    everything = [bench.allocations(), bench.allocations(owner_prefix="vm-")]
    return [everything, by_owner, by_key, counts]


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a backend that does not run, and what it answered before they were damaged."""

    bench: Bench
    saved: dict[str, bytes]
    answers: list[object]
    # All allocations after each commit, beginning with none.
    history: list[list[Allocation]]

    def damage(self, name: str, data: bytes) -> None:
        """Restore all files, but one with other content."""
        folder = self.bench.context.state_dir
        for path in folder.iterdir():
            path.unlink()
        for saved_name, saved in (self.saved | {name: data}).items():
            (folder / saved_name).write_bytes(saved)

    def is_refused(self) -> bool:
        """Return whether the file is refused; require that otherwise all answers are as before."""
        before = contents(self.bench.context.state_dir)
        try:
            self.bench.start()
        except StoreDamaged:
            if "bitmap.db-wal" not in before:  # SQLite moves what is in a log when it closes a file
                assert contents(self.bench.context.state_dir) == before
            return True
        assert answers(self.bench) == self.answers
        self.bench.stop()
        return False


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Files]:
    """The files as they are when the process was killed: the commits are in the log."""
    bench = Bench(BitmapBackend, tmp_path)
    bench.start()
    history: list[list[Allocation]] = [[], *(bench.allocations() for _ in writing(bench))]
    saved = contents(tmp_path)
    del saved["bitmap.db-shm"]
    files = Files(bench, saved, answers(bench), history)
    bench.stop()
    yield files
    bench.stop()


@pytest.fixture
def closed(killed: Files) -> Files:
    """The files as they are when the backend was closed."""
    return replace(killed, saved=contents(killed.bench.context.state_dir))


@pytest.mark.parametrize(
    ("length", "quarter"), matrix(product([1, 16, 500], range(4)), short=lambda case: not case[1])
)
def test_noise_anywhere_is_refused_or_does_no_harm(
    length: int, quarter: int, closed: Files
) -> None:
    """Write noise to 80 places, a quarter of them in each test."""
    whole = closed.saved["bitmap.db"]
    step = len(whole) // 80
    refused = []
    for at in range(quarter * step, len(whole) - length, 4 * step):
        closed.damage("bitmap.db", whole[:at] + noise(length) + whole[at + length :])
        refused.append(closed.is_refused())
    assert {True, False} == set(refused)


@pytest.mark.parametrize("first", matrix(range(PLACES), short=6))
def test_a_flipped_bit_in_a_row_or_an_index_is_refused(first: int, closed: Files) -> None:
    """Require that most are refused. The others are in what SQLite keeps of deleted rows."""
    whole = closed.saved["bitmap.db"]
    refused = []
    for cell in cells(whole)[first::PLACES]:
        for at in (cell[len(cell) // 2], cell[first % len(cell)]):
            closed.damage("bitmap.db", flip(whole, at))
            refused.append(closed.is_refused())
    assert sum(refused) > len(refused) * 0.8


@pytest.mark.parametrize("first", matrix(range(PLACES), short=6))
def test_a_flipped_bit_in_the_log_loses_the_newest_commits_alone(first: int, killed: Files) -> None:
    log = killed.saved["bitmap.db-wal"]
    for cell in cells_of_log(log)[first :: PLACES * 8]:
        killed.damage("bitmap.db-wal", flip(log, cell[len(cell) // 2]))
        killed.bench.start()
        assert killed.bench.allocations() in killed.history[:-1]
        killed.bench.stop()


@pytest.mark.parametrize("first", matrix(range(PLACES), short=6))
def test_a_bit_that_was_flipped_before_the_log_was_written_is_refused(
    first: int, killed: Files
) -> None:
    """Damage pages in the log, whose own checksums are those of the damaged pages."""
    log = killed.saved["bitmap.db-wal"]
    assert with_checksums(log) == log
    refused = []
    for cell in cells_of_log(log)[first :: PLACES * 8]:
        killed.damage("bitmap.db-wal", with_checksums(flip(log, cell[len(cell) // 2])))
        refused.append(killed.is_refused())
    assert any(refused)
