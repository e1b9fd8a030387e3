"""The check of a bitmap backend's books: it finds all that is wrong, and changes nothing."""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import pytest

from mynet.ipam.api import Audit, BackendContext, Subnet
from mynet.ipam.bitmap import BitmapBackend, mynet_ipam_audit
from mynet.ipam.sqlite.checksums import add_crc32
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.waiting import noise
from tests.support.matrix import matrix

IPV4 = Subnet(ip_network("10.1.0.0/24"), retention=600.0)
IPV6 = Subnet(ip_network("fd00:1::/64"))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Bench]:
    """A book in use: "a" and "b" have addresses, "c" gave one back."""
    bench = Bench(BitmapBackend, tmp_path)
    bench.start()
    for subnet in (IPV4, IPV6):
        bench.open(subnet)
    for owner in ("a", "b", "c"):
        bench.allocate(IPV4, owner, sticky_key=f"key {owner}")
    bench.allocate(IPV6, "a")
    bench.release_owner("c")
    yield bench
    bench.stop()


@pytest.fixture
def book(running: Bench, tmp_path: Path) -> Path:
    """The same, closed."""
    running.stop()
    return tmp_path / "bitmap.db"


def audit(folder: Path) -> Audit:
    """Check a folder, in which nothing changes by that, not even when it was read last."""
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    found = mynet_ipam_audit(BackendContext("test", folder))
    after = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert after == before
    return found


def held(found: Audit) -> dict[str, list[str]]:
    return {
        str(each.subnet.cidr): [f"{one.address} {one.owner}" for one in each.held]
        for each in found.holdings
    }


HELD = {"10.1.0.0/24": ["10.1.0.1 a", "10.1.0.2 b"], "fd00:1::/64": ["fd00:1::1 a"]}


def test_a_book_in_order_has_nothing_wrong_with_it(book: Path) -> None:
    found = audit(book.parent)
    assert (found.findings, found.complete) == ([], True)
    assert held(found) == HELD


def test_what_a_killed_process_has_left_in_the_log_counts(running: Bench, tmp_path: Path) -> None:
    copy = tmp_path / "killed"
    copy.mkdir()
    for suffix in ("", "-wal", ".lock"):
        name = f"bitmap.db{suffix}"
        (copy / name).write_bytes((tmp_path / name).read_bytes())
    assert (copy / "bitmap.db-wal").stat().st_size
    found = audit(copy)
    assert (found.findings, held(found)) == ([], HELD)


def test_where_no_book_was_ever_made_there_is_nothing_to_find(tmp_path: Path) -> None:
    assert audit(tmp_path) == Audit([], [])
    (tmp_path / "bitmap.db.lock").touch()  # a start that failed at once
    assert audit(tmp_path) == Audit([], [])


def change(book: Path, script: str) -> None:
    """Change a book as only its own programs do, or whoever knows how they do it."""
    with closing(sqlite3.connect(book, isolation_level=None)) as connection:
        add_crc32(connection)
        connection.executescript(script)


ONE, TWO = f"x'{(10 << 24 | 1 << 16 | 1):032x}'", f"x'{(10 << 24 | 1 << 16 | 2):032x}'"
REST, FAR = f"x'{(10 << 24 | 1 << 16 | 3):032x}'", f"x'{(10 << 24 | 2 << 16 | 1):032x}'"
UNACCOUNTED = "of 10.1.0.0/24 has its bit set, and is neither allocated nor in the release queue"
PAGE = "x'00000000000000000000000000000000'"


@pytest.mark.parametrize(
    ("script", "findings"),
    [
        (
            f"DELETE FROM allocations WHERE subnet = 1 AND address = {TWO}",
            [
                f"10.1.0.2 {UNACCOUNTED}",
                "counts 2 allocated addresses in 10.1.0.0/24, not 1",
            ],
        ),
        (
            f"DELETE FROM resting WHERE address = {REST}",
            [
                f"10.1.0.3 {UNACCOUNTED}",
                "counts 1 released addresses in 10.1.0.0/24, not 0",
            ],
        ),
        (
            f"UPDATE pages SET bits = x'0a' WHERE subnet = 1 AND number = {PAGE}",
            ["10.1.0.2 of 10.1.0.0/24 is allocated, and its bit is not set"],
        ),
        (
            f"UPDATE pages SET bits = x'06' WHERE subnet = 1 AND number = {PAGE}",
            ["10.1.0.3 of 10.1.0.0/24 is in the release queue, and its bit is not set"],
        ),
        (
            f"UPDATE resting SET address = {ONE}",
            [
                "10.1.0.1 of 10.1.0.0/24 is allocated, and is in the release queue too",
                f"10.1.0.3 {UNACCOUNTED}",
            ],
        ),
        (
            "INSERT INTO pages VALUES (1, x'01000000000000000000000000000000', x'')",
            ["keeps a page in which no bit is set"],
        ),
        (
            "UPDATE subnets SET allocated = 7 WHERE id = 2",
            ["counts 7 allocated addresses in fd00:1::/64, not 1"],
        ),
        (
            f"UPDATE allocations SET address = {FAR} WHERE owner = 'b'",
            [
                "has an address in its table allocations that is in no open subnet",
                f"10.1.0.2 {UNACCOUNTED}",
                "position 65537 of 10.1.0.0/24 is allocated, and its bit is not set",
            ],
        ),
        (
            f"UPDATE remembered SET address = {FAR}",
            ["remembers for key 'key c' an address that is in no open subnet"],
        ),
        (
            "UPDATE remembered SET sticky_key = ''",
            ["remembers an address of 10.1.0.0/24 for an empty key"],
        ),
        (
            f"UPDATE remembered SET sticky_key = 'key a', address = {ONE}",
            ["remembers for key 'key a' an address of 10.1.0.0/24 that it has in use"],
        ),
        (
            "UPDATE revision SET value = 4",
            [
                (
                    "has lost its newest commits, 5 to 7: its log was cut or removed, or the file"
                    " was exchanged for an older one"
                ),
                "has an allocation of commit 6, and 4 was the last",
            ],
        ),
        (
            "PRAGMA foreign_keys = OFF; DELETE FROM subnets WHERE id = 2",
            [
                "row None of pages refers to a row of subnets that does not exist",
                "row None of allocations refers to a row of subnets that does not exist",
                "has an address in its table allocations that is in no open subnet",
            ],
        ),
    ],
)
def test_each_contradiction_is_found(book: Path, script: str, findings: Sequence[str]) -> None:
    change(book, script)
    found = audit(book.parent)
    assert sorted(found.findings) == sorted(findings)
    assert found.complete


def test_what_is_wrong_very_often_is_counted(book: Path) -> None:
    change(book, f"UPDATE pages SET bits = x'{'ff' * 30}' WHERE subnet = 1")
    assert audit(book.parent).findings[-1] == "and 227 more of the kind"


@pytest.mark.parametrize(
    ("script", "finding"),
    [
        ("PRAGMA user_version = 99", "has schema 99, and this version knows schemas up to 1"),
        ("PRAGMA user_version = 0", "is another program's database"),
        ("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema", "is damaged: *** in"),
    ],
)
def test_a_file_that_is_not_understood_is_said_to_be_none(
    book: Path, script: str, finding: str
) -> None:
    change(book, script)
    found = audit(book.parent)
    assert found.findings[0].startswith(finding)
    assert not found.complete


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (None, "is missing, and was there"),
        (b"", "is empty"),
        (noise(9999), "is not an SQLite database"),
    ],
)
def test_a_file_that_is_none_is_said_to_be_none(
    book: Path, content: bytes | None, finding: str
) -> None:
    book.unlink() if content is None else book.write_bytes(content)
    found = audit(book.parent)
    assert (found.findings, found.complete, found.holdings) == ([finding], False, [])


def test_a_file_that_was_cut_is_found_out_wherever_it_was(book: Path) -> None:
    whole = book.read_bytes()
    for length in {*range(0, len(whole), 509), *range(len(whole) - 20, len(whole))}:
        book.write_bytes(whole[:length])
        found = audit(book.parent)
        assert found.findings
        assert not found.complete


@pytest.mark.parametrize("seed", matrix(range(4), short=4))
def test_noise_is_reported_or_is_in_unused_bytes(seed: int, book: Path) -> None:
    whole = book.read_bytes()
    chosen = random.Random(seed)  # noqa: S311 - no secret
    reported = 0
    for _ in range(50):
        changed = bytearray(whole)
        place = chosen.randrange(len(whole) - 16)
        changed[place : place + 16] = chosen.randbytes(16)
        book.write_bytes(changed)
        found = audit(book.parent)
        assert found.findings or held(found) == HELD
        reported += not found.complete
    assert reported
