"""What a sandbox may send outlives a stop and a kill of the daemon, and an upgrade brings it."""

import signal

import pytest

from mynet.v1.network_pb2 import Endpoint
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.forging import OTHERS, sends_as
from tests.e2e.support.testbed import Sandbox, Testbed

ALLOWED = "10.9.0.7"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_start_loads_what_every_endpoint_may_send(empty_testbed: Testbed, number: int) -> None:
    one, two = (Sandbox(empty_testbed, name) for name in ("one", "two"))
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    daemon.connect("one", options={"allowed_addresses": "10.9.0.0/24"})
    daemon.connect("two", options={"spoof_check": "false", "conntrack_limit": "7"})
    before = daemon.everything()
    daemon.signal(number)
    daemon.wait()
    daemon = Daemon(empty_testbed)
    assert daemon.everything() == before
    assert sends_as(daemon, one, ALLOWED)
    assert not sends_as(daemon, one, OTHERS[4])
    assert sends_as(daemon, two, OTHERS[4])
    daemon.clear()
    daemon.stop()


def test_endpoints_of_an_earlier_version_are_guarded_by_the_next_start(
    empty_testbed: Testbed,
) -> None:
    """An earlier version made ports that are in no group and learn, and one table."""
    one = Sandbox(empty_testbed, "one")
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    port = daemon.connect("one").host_interface
    daemon.stop()
    empty_testbed.run("nft", "delete", "table", "bridge", "mynet")
    empty_testbed.run("ip", "link", "set", port, "group", "default")
    flags = ("learning", "on", "locked", "off", "flood", "on")
    empty_testbed.run("bridge", "link", "set", "dev", port, *flags)
    index = empty_testbed.links()[port]["ifindex"]
    daemon = Daemon(empty_testbed)
    for source in OTHERS.values():
        assert not sends_as(daemon, one, source)
    assert empty_testbed.links()[port]["ifindex"] == index
    assert daemon.problems(daemon.endpoints()[0]) == []
    daemon.stop()


@pytest.fixture
def ended(empty_testbed: Testbed) -> tuple[Testbed, Endpoint]:
    """A testbed whose daemon has ended, and an endpoint of network blue."""
    Sandbox(empty_testbed, "one")
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    endpoint = daemon.connect("one")
    daemon.stop()
    return empty_testbed, endpoint


@pytest.mark.parametrize(
    ("element", "finding"),
    [
        ("own_ip4 {{ {port} . {mac} . 10.88.0.9 }}", "1 elements for the link with index {port}"),
        ("own_mac {{ {port} . 02:00:00:00:00:99 }}", "1 elements for the link with index {port}"),
        ("nd_own_ip {{ 4711 . 0xfd880000000000000000000000000009 }}", "with index 4711"),
        ("unguarded {{ {port} }}", "1 elements for the link with index {port}"),
        ("allowed_ip4 {{ {port} . {mac} . 0.0.0.0/0 }}", "1 elements for the link with index"),
    ],
)
def test_fsck_finds_elements_that_nothing_on_record_asks_for(
    ended: tuple[Testbed, Endpoint], element: str, finding: str
) -> None:
    testbed, endpoint = ended
    names = {
        "port": str(testbed.links()[endpoint.host_interface]["ifindex"]),
        "mac": endpoint.mac_address,
    }
    testbed.run("nft", "add element bridge mynet " + element.format(**names))
    (found,) = testbed.findings()
    assert finding.format(**names) in found
    assert "which nothing on record asks for. The next start repairs it." in found
    Daemon(testbed).stop()
    assert testbed.findings() == []


def test_fsck_finds_elements_that_are_missing(ended: tuple[Testbed, Endpoint]) -> None:
    testbed, _ = ended
    testbed.run("nft", "flush", "set", "bridge", "mynet", "own_ip4")
    (found,) = testbed.findings()
    assert ". 10.88.0.2 in the set own_ip4" in found
    Daemon(testbed).stop()
    assert testbed.findings() == []
