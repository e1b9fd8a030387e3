"""The audit of a bitmap backend's file, at the end of every test that has one."""

import sqlite3
from contextlib import closing
from pathlib import Path

from mynet.ipam import bitmap
from mynet.ipam.api import BackendContext


def audit(folder: Path) -> None:
    """Require that bits, rows and counters agree, in a file that no process has open."""
    found = bitmap.mynet_ipam_audit(BackendContext("test", folder))
    assert list(found.findings) == []
    assert found.complete


def count(folder: Path, table: str) -> int:
    """Count the rows of a table; the backend may be running."""
    with closing(sqlite3.connect(folder / "bitmap.db")) as file:
        rows: int = file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return rows
