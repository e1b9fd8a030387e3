"""What always holds in a bitmap backend's books, at the end of every test that has some."""

import sqlite3
from contextlib import closing
from pathlib import Path

from mynet.ipam import bitmap
from mynet.ipam.api import BackendContext


def audit(folder: Path) -> None:
    """Fail unless bits, rows and counters say the same; for a file that nobody has open."""
    found = bitmap.mynet_ipam_audit(BackendContext("test", folder))
    assert list(found.findings) == []
    assert found.complete


def count(folder: Path, table: str) -> int:
    """Count the rows of a table; the backend may be running."""
    with closing(sqlite3.connect(folder / "bitmap.db")) as file:
        rows: int = file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return rows
