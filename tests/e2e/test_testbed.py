"""What the tests of this folder stand on: a testbed notices changes, and a fork is a process."""

import os
import select
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.support import fork_client
from tests.e2e.support.namespace import environment
from tests.e2e.support.testbed import Testbed


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("ip link add lan0 type bridge", "ip link del lan0"),
        ("ip link set uplink mtu 1400", "ip link set uplink mtu 1500"),
        ("ip link set uplink alias mine", "ip link set uplink alias "),
        ("ip addr add 192.0.2.7/32 dev uplink", "ip addr del 192.0.2.7/32 dev uplink"),
        ("ip addr add fd07::7/64 dev lo", "ip addr del fd07::7/64 dev lo"),
        ("ip route add 192.0.2.0/24 dev uplink", "ip route del 192.0.2.0/24 dev uplink"),
        ("ip -6 route add fd07::/64 dev uplink", "ip -6 route del fd07::/64 dev uplink"),
        ("ip rule add from 192.0.2.7 table 7", "ip rule del from 192.0.2.7 table 7"),
        ("nft add table inet mine", "nft delete table inet mine"),
    ],
)
def test_every_change_of_the_host_s_network_is_noticed(
    testbed: Testbed, change: str, back: str
) -> None:
    before = testbed.state()
    testbed.run(*change.split())
    assert testbed.state() != before
    testbed.run(*back.split(" "))
    assert testbed.state() == before


PROGRAM = """
import os, signal, sys
environment = {name: value for name, value in os.environ.items() if name != "LC_CTYPE"}  # PEP 538
print(sys.argv[1:], sorted(environment.items()))
print("unlike an exec" if signal.getsignal(signal.SIGINT) != signal.default_int_handler else "")
print(sorted(map(int, os.listdir("/proc/self/fd")))[:-1])  # but for the folder itself
print(os.readlink("/proc/self/ns/net"), os.readlink("/proc/self/ns/mnt"))
sys.stderr.write("said")
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def test_a_forked_program_is_as_an_executed_one(testbed: Testbed, program: Path) -> None:
    forked = testbed.attempt(program, "7", "b c", NAME="value")
    executed = testbed.attempt(sys.executable, program, "7", "b c", NAME="value")
    assert (forked.returncode, forked.stdout, forked.stderr) == (7, executed.stdout, "said")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_forked_program_ends_by_a_signal(testbed: Testbed, tmp_path: Path, number: int) -> None:
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text("import time; time.sleep(600)")
    process = testbed.start(sleeper)
    assert process.poll() is None
    process.send_signal(number)
    assert process.wait(30) == -number


def test_a_forked_program_ends_with_its_server(tmp_path: Path) -> None:
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text("import time; time.sleep(600)")
    with Path(os.devnull).open("wb") as nothing:
        output = nothing.fileno()
        process = fork_client.start([sleeper], environment(), [], output=output, errors=output)
    watched = os.pidfd_open(process.pid)
    fork_client.end_server()
    ended = select.poll()
    ended.register(watched, select.POLLIN)
    assert ended.poll(30_000)
    os.close(watched)
    with pytest.raises(AssertionError, match="the fork server has ended"):
        process.wait(30)
