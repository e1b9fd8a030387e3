"""Durable SQLite files for IPAM backends: group commit, checksums of rows, inspection, copies."""

from mynet.ipam.sqlite.checksums import checksum_column
from mynet.ipam.sqlite.database import Database
from mynet.ipam.sqlite.inspection import Inspection, inspected
from mynet.ipam.sqlite.jobs import Work

__all__ = ["Database", "Inspection", "Work", "checksum_column", "inspected"]
