"""How mynetd says on the command line why it cannot run."""

import errno

import pytest

from mynet.drivers.errors import KernelError
from mynet.server import daemon
from mynet.server.config.settings import Settings
from mynet.server.errors import CannotStart
from tests.server.config.running import Run


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CannotStart("another mynetd has it"), ["another mynetd has it"]),
        (KernelError("no bridge"), ["no bridge"]),
        (OSError(errno.ENOSPC, "No space left", "/var/lib/mynet"), ["/var/lib/mynet", "make room"]),
        (OSError(errno.EMFILE, "Too many open files"), ["Too many open files", "LimitNOFILE="]),
        (RuntimeError("can't start new thread"), ["TasksMax=", "start it again"]),
    ],
    ids=["mynet", "kernel", "disk", "descriptors", "threads"],
)
def test_a_start_that_fails_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, words: list[str]
) -> None:
    def fail(_: Settings) -> bool:
        raise error

    monkeypatch.setattr(daemon, "run", fail)
    result = run()
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert [word for word in words if word not in line] == []
    assert result.exit_code == 1


def test_a_fault_of_mynetd_itself_is_not_explained_away(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = RuntimeError("dictionary changed size during iteration")

    def fail(_: Settings) -> bool:
        raise fault

    monkeypatch.setattr(daemon, "run", fail)
    assert run().exception is fault
