"""What always holds in ``bitmap.db``, asked of the file itself with SQLite and nothing of ours."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

PAGE = 4096


def audit(folder: Path) -> None:
    """Fail unless bits, rows and counters say the same; for a file that nobody has open."""
    with closing(sqlite3.connect(folder / "bitmap.db")) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
        bits = _bits(file)
        allocated = _positions(file, "allocations")
        resting = _positions(file, "resting")
        for number, cidr, *counts in file.execute(
            "SELECT id, cidr, allocated, resting FROM subnets"
        ):
            held, rested = allocated.pop(number, set()), resting.pop(number, set())
            assert not held & rested, f"{cidr}: allocated, and at rest"
            assert bits.pop(number, set()) == held | rested, f"{cidr}: its bits are not its rows"
            assert counts == [len(held), len(rested)], f"{cidr}: its counters are wrong"
        assert {**bits, **allocated, **resting} == {}, "rows of subnets that are not there"
        _audit_remembered(file)
        newest = file.execute("SELECT max(revision) FROM allocations").fetchone()[0] or 0
        assert newest <= file.execute("SELECT value FROM revision").fetchone()[0]


def _audit_remembered(file: sqlite3.Connection) -> None:
    """Fail if a key is remembered that is in use, or an address that is not the subnet's."""
    rows = file.execute(
        "SELECT cidr, sticky_key, address, subnet FROM remembered LEFT JOIN subnets ON id = subnet"
    )
    for cidr, key, address, subnet in rows:
        assert cidr is not None, f"{key!r} is remembered of a subnet that is not there"
        assert key, "an empty key is remembered"
        number = int.from_bytes(address, "big")
        assert int(ip_network(cidr)[0]) <= number <= int(ip_network(cidr)[-1])
        in_use = (
            "SELECT count(*) FROM allocations WHERE subnet = ? AND address = ? AND sticky_key = ?"
        )
        assert file.execute(in_use, (subnet, address, key)).fetchone() == (0,), f"{key!r} is in use"


def count(folder: Path, table: str) -> int:
    """Count the rows of a table; the backend may be running."""
    with closing(sqlite3.connect(folder / "bitmap.db")) as file:
        rows: int = file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        return rows


def _bits(file: sqlite3.Connection) -> dict[int, set[int]]:
    """Return the positions whose bits are set, by subnet."""
    found: dict[int, set[int]] = defaultdict(set)
    for subnet, number, data in file.execute("SELECT subnet, number, bits FROM pages"):
        page, first = int.from_bytes(data, "little"), int.from_bytes(number, "big") * PAGE
        assert page, "an empty page is kept"
        found[subnet] |= {first + bit for bit in range(PAGE) if page >> bit & 1}
    return found


def _positions(file: sqlite3.Connection, table: str) -> dict[int, set[int]]:
    """Return the positions of a table's addresses, by subnet."""
    found: dict[int, set[int]] = defaultdict(set)
    rows = file.execute(
        f"SELECT subnet, cidr, address FROM {table} JOIN subnets ON id = subnet"  # noqa: S608
    )
    for subnet, cidr, address in rows:
        position = int.from_bytes(address, "big") - int(ip_network(cidr).network_address)
        found[subnet].add(position)
    return found
