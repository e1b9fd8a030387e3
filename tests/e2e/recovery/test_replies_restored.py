"""What leads replies back to uplinks, after a start, a kill, a lost state and an administrator."""

import shutil
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.support.daemon import STATE, Daemon, eventually
from tests.e2e.support.namespace import PATIENCE, Namespace
from tests.e2e.support.published_ports import ADDRESSES, WEB, by_family
from tests.e2e.support.surroundings.uplinks import (
    NEAR,
    OPTION,
    SECOND_DEFAULT,
    routing,
    rules,
    second_uplink,
    shell,
)
from tests.e2e.support.testbed import Sandbox, Testbed

# What leads to the first uplink.
MARK, TABLE = "0x10000000/0xf0000000", 1836646401


@pytest.fixture
def router(testbed: Testbed) -> Iterator[Namespace]:
    with second_uplink(testbed) as made:
        shell(testbed, SECOND_DEFAULT)
        yield made


@by_family
def test_a_connection_outlives_a_restart_and_a_kill(
    testbed: Testbed, router: Namespace, family: int
) -> None:
    daemon, one = Daemon(testbed), Sandbox(testbed, "one")
    daemon.create(options={OPTION: "true"})
    daemon.connect("one", ports=[WEB])
    before = routing(testbed)
    with (
        one.listen(ADDRESSES[family], 80) as listener,
        router.dial(NEAR[family], 8080) as near,
        listener.accept()[0] as far,
    ):
        near.settimeout(PATIENCE)
        for number in (signal.SIGTERM, signal.SIGKILL):
            daemon.signal(number)
            daemon.wait()
            daemon = Daemon(testbed)
            far.sendall(b"words")
            assert near.recv(100) == b"words"
    assert routing(testbed) == before
    daemon.clear()
    assert not rules(testbed)
    daemon.stop()
    one.close()


def test_a_start_mends_what_was_removed_meanwhile(testbed: Testbed, router: Namespace) -> None:
    daemon = Daemon(testbed)
    daemon.create(options={OPTION: "true"})
    before = routing(testbed)
    daemon.stop()
    testbed.run("sh", "-uc", "while ip rule delete pref 1010; do :; done 2>/dev/null; true")
    shell(testbed, f"ip rule add pref 1010 iif br-gone fwmark {MARK} lookup {TABLE} protocol 109")
    assert routing(testbed) != before
    again = Daemon(testbed)
    assert routing(testbed) == before
    again.clear()
    again.stop()


def test_what_is_left_of_a_lost_state_is_removed(testbed: Testbed, router: Namespace) -> None:
    before = routing(testbed)
    daemon = Daemon(testbed)
    daemon.create(options={OPTION: "true"})
    assert rules(testbed)
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    testbed.run("ip", "link", "delete", "br-blue")
    shutil.rmtree(testbed.root / STATE)
    again = Daemon(testbed)
    assert routing(testbed) == before
    again.stop()


@pytest.mark.parametrize(
    "damage",
    [
        "ip rule delete pref 1010",
        "ip -6 rule delete pref 1010",
        f"ip route flush table {TABLE + 1}",
    ],
    ids=["rule", "rule-6", "table"],
)
def test_what_an_administrator_removes_is_healed(
    testbed: Testbed, router: Namespace, damage: str
) -> None:
    daemon = Daemon(testbed)
    daemon.create(options={OPTION: "true"})
    before = routing(testbed)
    shell(testbed, damage)
    eventually(lambda: routing(testbed) == before)
    daemon.clear()
    daemon.stop()
