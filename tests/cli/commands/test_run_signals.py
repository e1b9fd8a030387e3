"""``mynetctl run`` and signals: the command gets them, and the sandbox is always disconnected."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2

import pytest

from tests.cli.conftest import BIN, PATH
from tests.cli.support.attached import SECONDS, Attached
from tests.cli.support.fake import FakeDaemon

# Names the signals that it gets; SIGUSR2 ends it.
LISTENER = """
import os, signal

# They are blocked from the start: signal.pause would miss a signal that comes just before it.
numbers = [1, 2, 3, 10, 12, 15]
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
os.write(1, b"ready\\n")
while True:
    number = signal.sigwait(numbers)
    os.write(1, signal.Signals(number).name.encode() + b"\\n")
    if number == signal.SIGUSR2:
        os._exit(7)
"""
LISTEN = ("/usr/bin/env", "python3", "-c", LISTENER)


@contextlib.contextmanager
def running(
    daemon: FakeDaemon,
    *command: str,
    before: Sequence[str] = (),
    stdin: int = subprocess.DEVNULL,
    **environ: str,
) -> Iterator["subprocess.Popen[str]"]:
    """Start ``mynetctl run`` in a session of its own, as a supervisor does."""
    words = (*before, str(BIN / "mynetctl"), "run", "blue", "--", *command)
    with subprocess.Popen(
        words,
        env={"PATH": PATH, "MYNET_ADDRESS": daemon.address, **environ},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    assert process.stdout
    return (line.strip() for line in process.stdout)


@pytest.mark.parametrize("number", [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1])
def test_a_signal_goes_to_the_command_which_may_continue(
    daemon: FakeDaemon, attached: Attached, number: signal.Signals
) -> None:
    with running(daemon, *LISTEN) as process:
        said = lines(process)
        assert next(said) == "ready"
        process.send_signal(number)
        assert next(said) == number.name
        process.send_signal(SIGUSR2)
        assert list(said) == ["SIGUSR2"]
        assert process.wait(SECONDS) == 7
    assert attached.present == {}


@pytest.mark.parametrize("number", [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2])
def test_a_signal_that_ends_the_command_is_the_exit_status(
    daemon: FakeDaemon, attached: Attached, number: signal.Signals
) -> None:
    with running(daemon, "sh", "-c", "echo ready; exec sleep 60") as process:
        assert next(lines(process)) == "ready"
        process.send_signal(number)
        assert process.wait(SECONDS) == 128 + number
    assert attached.present == {}


@pytest.mark.parametrize("number", [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1])
def test_a_signal_while_it_connects_disconnects_again(
    daemon: FakeDaemon, attached: Attached, number: signal.Signals
) -> None:
    attached.lost = True
    with running(daemon, "echo", "ran") as process:
        assert attached.arrived.wait(SECONDS)
        process.send_signal(number)
        assert list(lines(process)) == []
        assert process.wait(SECONDS) == 128 + number
    assert attached.present == {}


def test_a_signal_while_it_disconnects_is_ignored(daemon: FakeDaemon, attached: Attached) -> None:
    present = attached.present

    def disconnect(request: object) -> dict[str, object]:
        for number in (SIGTERM, SIGINT, SIGHUP):
            process.send_signal(number)
        time.sleep(0.1)
        present.clear()
        return {}

    daemon.answer("Disconnect", disconnect)
    with running(daemon, "true") as process:
        assert process.wait(SECONDS) == 0
    assert present == {}


def test_a_signal_whose_exception_grpc_swallows_still_ends_mynetctl(tmp_path: Path) -> None:
    script = f"""
import contextlib, signal
from mynet.cli.netns_process import Sandbox

with Sandbox(["touch", "{tmp_path}/mark"]) as sandbox:
    with contextlib.suppress(SystemExit):
        signal.raise_signal(signal.SIGTERM)
    sandbox.go()
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 128 + SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_signal_before_any_call_ends_mynetctl(daemon: FakeDaemon, tmp_path: Path) -> None:
    # Loading grpc twice, after it was interrupted, would abort; here the signal comes amid that.
    (tmp_path / "sitecustomize.py").write_text("""
import signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == "grpc":
            signal.raise_signal(signal.SIGTERM)

sys.meta_path.insert(0, Finder())
""")
    with running(daemon, "echo", "ran", PYTHONPATH=str(tmp_path)) as process:
        assert list(lines(process)) == []
        assert process.wait(SECONDS) == -SIGTERM
    assert daemon.asked == []


def test_a_hangup_is_ignored_under_nohup(daemon: FakeDaemon, attached: Attached) -> None:
    before = ("sh", "-c", 'trap "" HUP; exec "$@"', "nohup")
    with running(daemon, *LISTEN, before=before) as process:
        said = lines(process)
        assert next(said) == "ready"
        process.send_signal(SIGHUP)
        process.send_signal(SIGUSR2)
        assert list(said) == ["SIGUSR2"]
    assert attached.present == {}


def test_the_command_does_not_outlive_mynetctl(daemon: FakeDaemon, attached: Attached) -> None:
    with running(daemon, "sh", "-c", "echo $$; exec sleep 60") as process:
        pid = next(lines(process))
        process.kill()
        end = time.monotonic() + SECONDS
        while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
            assert time.monotonic() < end
            time.sleep(0.01)
    assert list(attached.present) == ["id0"]  # mynetctl was killed, so nothing disconnected it


@pytest.mark.parametrize(("key", "number"), [(b"\x03", SIGINT), (b"\x1c", SIGQUIT)])
def test_ctrl_c_at_a_terminal_reaches_the_command_once(
    daemon: FakeDaemon, attached: Attached, key: bytes, number: signal.Signals
) -> None:
    ours, theirs = pty.openpty()
    with running(daemon, *LISTEN, before=["setsid", "--ctty", "--wait"], stdin=theirs) as process:
        said = lines(process)
        assert next(said) == "ready"
        os.write(ours, key)
        assert next(said) == number.name
        _, request = attached.asked[0]
        parent = Path(f"/proc/{request['pid']}/stat").read_text().rpartition(")")[2].split()[1]
        os.kill(int(parent), SIGUSR2)  # behind whatever else it may have to pass on
        assert list(said) == ["SIGUSR2"]
        assert process.wait(SECONDS) == 7
    os.close(ours)
    os.close(theirs)
    assert attached.present == {}
