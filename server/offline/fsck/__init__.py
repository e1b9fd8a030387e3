"""Checking a state directory that no daemon works on: whether all holds that always holds.

Nothing is changed, and what is damaged does not keep the rest from being looked at: first the
files, each by itself; then what each book says, by the one who keeps it; then the books against
each other; and then, if it is wanted and can be, the kernel against the books.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mynet.server.errors import CannotStart
from mynet.server.offline.fsck.backends import audited
from mynet.server.offline.fsck.cross_check import compare
from mynet.server.offline.fsck.records import Records, read
from mynet.server.plugins.timeouts import PATIENCE
from mynet.server.state.directory import read_marker


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: a sentence each, and where.

    ``remarks`` are on what could not be looked at, for which nobody is to blame. Where the state is
    not ``whole``, something cannot be read, and no daemon starts from it. ``instance`` and
    ``records`` are what could be read.
    """

    findings: Sequence[str]
    remarks: Sequence[str]
    whole: bool
    instance: str
    records: Records


def examine(state_dir: Path, patience: float = PATIENCE) -> Report:
    """Check the books of a state directory that nobody works on.

    A plugin may take ``patience`` seconds. Raises OSError where there is no room to look.
    """
    findings, instance = _marker(state_dir)
    whole = not findings
    records = read(state_dir / "mynet.db")
    findings += [f"mynet.db: {each}" for each in records.findings]
    books = audited(state_dir, instance, patience)
    for name, book in books.items():
        findings += [f"{name}: {each}" for each in book.findings]
        whole = whole and book.whole
    findings += compare(records, {each.backend: each for each in books.values() if each.backend})
    remarks = [f"{name}: {book.remark}" for name, book in books.items() if book.remark]
    return Report(findings, remarks, whole and records.whole, instance, records)


def _marker(state_dir: Path) -> tuple[list[str], str]:
    """Return what is wrong with the marker and the files that it names, and the instance."""
    try:
        instance, files = read_marker(state_dir)
    except FileNotFoundError:
        return ["mynet.json: is missing, so this is no state directory of mynetd's"], ""
    except CannotStart as error:
        return [f"mynet.json: {error}"], ""
    except (OSError, ValueError) as error:
        return [f"mynet.json: cannot be read: {error}"], ""
    missing = [name for name in files if not (state_dir / name).exists()]
    return [f"{name}: is missing, and mynet.json has it" for name in missing], instance
