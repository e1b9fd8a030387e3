"""The modes of the daemon's files, whatever umask it was started with."""

import stat
from pathlib import Path

import pytest

from tests.e2e.support.daemon import EXECUTED, SOCKET, STATE, Daemon
from tests.e2e.support.testbed import Testbed


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("umask", ["000", "077"])
def test_files_are_the_daemon_s_own_and_callers_reach_the_socket(
    empty_testbed: Testbed, umask: str
) -> None:
    program = ("sh", "-c", f'umask {umask}; exec "$0" "$@"', *EXECUTED)
    daemon = Daemon(empty_testbed, program=program)
    daemon.create("blue")
    socket, state = empty_testbed.root / SOCKET, empty_testbed.root / STATE
    assert (mode(socket.parent), mode(socket)) == (0o755, 0o660)
    assert mode(state) == 0o700
    assert [path for path in state.rglob("*") if mode(path) & 0o077] == []
    daemon.clear()
    daemon.stop()
