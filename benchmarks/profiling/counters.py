"""What the calls of a daemon cost: CPU time, hand-overs, and the system calls that matter."""

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12  # fields of /proc/PID/stat behind the name: proc(5)
_SWITCHES = re.compile(r"^voluntary_ctxt_switches:\s+(\d+)$", re.MULTILINE)

_TRACED = "fdatasync,fsync,pwrite64,sendto,sendmsg"
_DATAGRAM = re.compile(r"send(?:to|msg)\(\d+<NETLINK:")
_SYNC = re.compile(r"f(?:data)?sync\(")
# The header of a frame of SQLite's log. Of the last one of a transaction, the second number is not
# 0. Source: https://sqlite.org/fileformat2.html#walformat
_FRAME = re.compile(r'pwrite64\(\d+<[^>]*-wal>, "((?:[^"\\]|\\.)*)"(?:\.\.\.)?, 24, ')
_COMMIT_MARK = slice(4, 8)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used since its start."""

    # CPU time in seconds.
    user: float
    system: float
    # How often a thread of it has waited for another one, for the kernel or for the disk.
    switches: int

    @property
    def seconds(self) -> float:
        """All CPU time."""
        return self.user + self.system

    def since(self, before: "Usage") -> "Usage":
        """Return the difference from an earlier usage."""
        return Usage(
            self.user - before.user,
            self.system - before.system,
            self.switches - before.switches,
        )


def usage(pid: int) -> Usage:
    """Return what a process has used. Threads that have ended do not count as waiting."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Usage(
        int(fields[_USER]) / _TICKS,
        int(fields[_SYSTEM]) / _TICKS,
        sum(
            int(count)
            for status in Path(f"/proc/{pid}/task").glob("*/status")
            for count in _SWITCHES.findall(status.read_text())
        ),
    )


def system_calls(pid: int, folder: Path, function: Callable[[], None]) -> Counter[str]:
    """Return how many commits, fdatasyncs and netlink datagrams a process makes meanwhile."""
    log = folder / "strace.log"
    command = ["strace", "-f", "-yy", "-s8", f"-etrace={_TRACED}", f"-o{log}", f"-p{pid}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as strace:
        assert strace.stderr  # noqa: S101 - for the type checker
        strace.stderr.readline()  # it has attached to the process
        function()
        strace.send_signal(signal.SIGINT)
        strace.communicate()
    return counted(log.read_text(errors="replace"))


def counted(log: str) -> Counter[str]:
    """Return the numbers of a log that strace has written."""
    numbers: Counter[str] = Counter()
    for line in log.splitlines():
        if _SYNC.search(line) and "resumed" not in line:
            numbers["fdatasyncs"] += 1
        elif _DATAGRAM.search(line):
            numbers["netlink datagrams"] += 1
        elif (frame := _FRAME.search(line)) and _ends_transaction(frame[1]):
            numbers["commits"] += 1
    return numbers


def _ends_transaction(escaped: str) -> bool:
    """Return whether a frame is the last of a transaction. The text has the escapes of C."""
    header = escaped.encode("latin-1").decode("unicode_escape")
    return any(map(ord, header[_COMMIT_MARK]))
