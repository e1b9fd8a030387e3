"""The audit of a bitmap backend's file reports every contradiction and changes nothing."""

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
from tests.ipam.support.damage import cells, flip
from tests.ipam.support.databases import noise
from tests.support.matrix import matrix

IPV4 = Subnet(ip_network("10.1.0.0/24"), retention=600.0)
IPV6 = Subnet(ip_network("fd00:1::/64"))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Bench]:
    """A backend at work: "a" and "b" have addresses, "c" has released one."""
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
def file(running: Bench, tmp_path: Path) -> Path:
    """The file of that backend, closed."""
    running.stop()
    return tmp_path / "bitmap.db"


def audit(folder: Path) -> Audit:
    """Audit a folder; require that no file in it changes."""
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    result = mynet_ipam_audit(BackendContext("test", folder))
    after = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert after == before
    return result


def held(result: Audit) -> dict[str, list[str]]:
    return {
        str(holdings.subnet.cidr): [
            f"{holding.address} {holding.owner}" for holding in holdings.held
        ]
        for holdings in result.holdings
    }


HELD = {"10.1.0.0/24": ["10.1.0.1 a", "10.1.0.2 b"], "fd00:1::/64": ["fd00:1::1 a"]}


def test_a_sound_file_has_no_findings(file: Path) -> None:
    result = audit(file.parent)
    assert (result.findings, result.complete) == ([], True)
    assert held(result) == HELD


def test_commits_in_the_log_of_a_killed_process_are_read(running: Bench, tmp_path: Path) -> None:
    copy = tmp_path / "killed"
    copy.mkdir()
    for suffix in ("", "-wal", ".lock"):
        name = f"bitmap.db{suffix}"
        (copy / name).write_bytes((tmp_path / name).read_bytes())
    assert (copy / "bitmap.db-wal").stat().st_size
    result = audit(copy)
    assert (result.findings, held(result)) == ([], HELD)


def test_a_folder_without_a_file_has_no_findings(tmp_path: Path) -> None:
    assert audit(tmp_path) == Audit([], [])
    (tmp_path / "bitmap.db.lock").touch()  # a start that failed at once
    assert audit(tmp_path) == Audit([], [])


def change(file: Path, script: str) -> None:
    """Change a file, with the checksums that a change by mynetd would have."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
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
def test_each_contradiction_is_reported(file: Path, script: str, findings: Sequence[str]) -> None:
    change(file, script)
    result = audit(file.parent)
    assert sorted(result.findings) == sorted(findings)
    assert result.complete


def test_findings_beyond_ten_of_a_kind_are_counted(file: Path) -> None:
    change(file, f"UPDATE pages SET bits = x'{'ff' * 30}' WHERE subnet = 1")
    assert audit(file.parent).findings[-1] == "and 227 more of the kind"


@pytest.mark.parametrize(
    ("script", "finding"),
    [
        ("PRAGMA user_version = 99", "has schema 99, and this version knows schemas up to 1"),
        ("PRAGMA user_version = 0", "is another program's database"),
        ("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema", "is damaged: *** in"),
    ],
)
def test_a_file_of_another_version_or_program_is_reported(
    file: Path, script: str, finding: str
) -> None:
    change(file, script)
    result = audit(file.parent)
    assert result.findings[0].startswith(finding)
    assert not result.complete


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (None, "is missing, and was there"),
        (b"", "is empty"),
        (noise(9999), "is not an SQLite database"),
    ],
)
def test_a_file_that_is_not_a_database_is_reported(
    file: Path, content: bytes | None, finding: str
) -> None:
    file.unlink() if content is None else file.write_bytes(content)
    result = audit(file.parent)
    assert (result.findings, result.complete, result.holdings) == ([finding], False, [])


def test_a_file_that_was_cut_is_reported_wherever_it_was_cut(file: Path) -> None:
    whole = file.read_bytes()
    for length in {*range(0, len(whole), 509), *range(len(whole) - 20, len(whole))}:
        file.write_bytes(whole[:length])
        result = audit(file.parent)
        assert result.findings
        assert not result.complete


@pytest.mark.parametrize("length", [1, 16, 500])
def test_noise_is_reported_or_is_in_unused_bytes(length: int, file: Path) -> None:
    whole, sound = file.read_bytes(), audit(file.parent)
    complete = []
    for at in range(0, len(whole) - length, len(whole) // 40):
        file.write_bytes(whole[:at] + noise(length) + whole[at + length :])
        result = audit(file.parent)
        assert result.findings or result == sound
        complete.append(result.complete)
    assert {True, False} == set(complete)


@pytest.mark.parametrize("first", matrix(range(16), short=16))
def test_a_flipped_bit_in_a_row_or_an_index_is_reported(first: int, file: Path) -> None:
    whole, sound = file.read_bytes(), audit(file.parent)
    complete = []
    for cell in cells(whole):
        for at in cell[first::16]:
            file.write_bytes(flip(whole, at))
            result = audit(file.parent)
            assert result.findings or result == sound
            complete.append(result.complete)
    assert sum(complete) < len(complete) / 2  # SQLite keeps some of what was deleted
