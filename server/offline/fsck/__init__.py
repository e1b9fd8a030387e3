"""Checking a state directory that no daemon uses. Nothing is changed.

Damage of one file does not prevent the check of the others. The order is: each file by itself
(``records``, ``backends``), the records against the backends (``cross_check``), and the kernel
against the records (``kernel``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mynet.server.errors import CannotStart
from mynet.server.offline.fsck.backends import check_plugins
from mynet.server.offline.fsck.cross_check import compare
from mynet.server.offline.fsck.records import Records, read
from mynet.server.plugins.executor import PATIENCE
from mynet.server.state.directory import read_marker


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check."""

    # What is wrong, and where, a sentence each.
    findings: Sequence[str]
    # What could not be checked, and why, a sentence each.
    remarks: Sequence[str]
    # Whether everything could be read. No daemon starts from a state that is not whole.
    whole: bool
    # The identity of the directory, or "" if it cannot be read.
    instance: str
    # The records that could be read.
    records: Records


def examine(state_dir: Path, patience: float = PATIENCE) -> Report:
    """Check the databases of a state directory that no daemon uses.

    A plugin may take ``patience`` seconds. Raises OSError if temporary files cannot be written.
    """
    findings, instance = _marker(state_dir)
    whole = not findings
    records = read(state_dir / "mynet.db")
    findings += [f"mynet.db: {finding}" for finding in records.findings]
    plugins = check_plugins(state_dir, instance, patience)
    for name, files in plugins.items():
        findings += [f"{name}: {finding}" for finding in files.findings]
        whole = whole and files.whole
    findings += compare(
        records, {files.backend: files for files in plugins.values() if files.backend}
    )
    remarks = [f"{name}: {files.remark}" for name, files in plugins.items() if files.remark]
    return Report(findings, remarks, whole and records.whole, instance, records)


def _marker(state_dir: Path) -> tuple[list[str], str]:
    """Return the findings on the marker and the files that it lists, and the instance."""
    try:
        instance, files = read_marker(state_dir)
    except FileNotFoundError:
        return ["mynet.json: is missing, so this is not a state directory of mynetd"], ""
    except CannotStart as error:
        return [f"mynet.json: {error}"], ""
    except (OSError, ValueError) as error:
        return [f"mynet.json: cannot be read: {error}"], ""
    missing = [name for name in files if not (state_dir / name).exists()]
    return [f"{name}: is missing, and mynet.json lists it" for name in missing], instance
