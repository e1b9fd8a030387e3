"""Durable SQLite files for IPAM backends: group commit, checksums of rows, checks and copies."""

from mynet.ipam.sqlite.audit import Look, looked_at
from mynet.ipam.sqlite.checksums import seal
from mynet.ipam.sqlite.database import Database
from mynet.ipam.sqlite.jobs import Work

__all__ = ["Database", "Look", "Work", "looked_at", "seal"]
