"""Published ports outlive damage, a stop, a kill and a reboot of the daemon."""

import signal
import socket
from collections.abc import Sequence

import pytest

from mynet.v1.network_pb2 import Endpoint, Network, PortMapping
from tests.e2e.support.daemon import Daemon, connect
from tests.e2e.support.namespace import PATIENCE
from tests.e2e.support.published_ports import (
    ADDRESSES,
    CHOSEN,
    DNS,
    GATEWAYS,
    MANY,
    WEB,
    elements,
    is_free,
    program,
    reached,
)
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed


@pytest.fixture(scope="module")
def options() -> Sequence[str]:
    return ["--no-heal"]


@pytest.mark.parametrize("damage", ["flush ruleset", "flush map inet mynet pub4"])
def test_a_port_that_was_flushed_from_the_firewall_is_reported_and_put_back(
    daemon: Daemon, blue: Network, one: Sandbox, damage: str
) -> None:
    endpoint = daemon.connect("one", ports=[WEB])
    daemon.testbed.run("nft", damage)
    lost = "The firewall does not lead TCP port 8080 to 10.88.0.2:80."
    assert lost in daemon.problems(endpoint)
    assert daemon.connect("one", ports=[WEB]) == endpoint
    assert daemon.problems(endpoint) == []
    outside = daemon.testbed.outside
    assert reached(outside, one, (ADDRESSES[0], 80), (HOST[0], 8080)) == OUTSIDE[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ports_outlive_the_daemon_and_the_next_one_reserves_them(
    empty_testbed: Testbed, number: int
) -> None:
    testbed, one = empty_testbed, Sandbox(empty_testbed, "one")
    daemon = Daemon(testbed)
    daemon.create("blue")
    endpoint = daemon.connect("one", ports=[CHOSEN, WEB, MANY])
    chosen = endpoint.ports[0].host_port
    before = daemon.everything()
    daemon.signal(number)
    daemon.wait()
    assert is_free(testbed, chosen)
    assert reached(testbed.outside, one, (ADDRESSES[0], 80), (HOST[0], chosen)) == OUTSIDE[0]

    again = Daemon(testbed)
    assert again.everything() == before
    assert list(again.endpoints()) == [endpoint]
    assert again.problems(endpoint) == []
    assert not any(is_free(testbed, port) for port in (chosen, 8080, 9000, 9100))
    assert again.connect("one", ports=[CHOSEN, WEB, MANY]) == endpoint
    assert reached(testbed.outside, one, (ADDRESSES[1], 80), (HOST[1], chosen)) == OUTSIDE[1]
    again.disconnect("one")
    assert all(is_free(testbed, port) for port in (chosen, 8080, 9000, 9100))
    assert elements(testbed) == 0


def test_a_port_that_was_taken_meanwhile_is_shown_and_does_not_stop_the_start(
    empty_testbed: Testbed,
) -> None:
    testbed, one = empty_testbed, Sandbox(empty_testbed, "one")
    daemon = Daemon(testbed)
    daemon.create("blue")
    endpoint = daemon.connect("one", ports=[WEB, DNS])
    daemon.stop()
    with program(testbed, 8080) as pid:
        again = Daemon(testbed)
        (problem,) = again.problems(endpoint)
        assert problem.startswith("TCP port 8080 is not held: ")
        assert problem.endswith(f"(pid {pid}) has it.")
        assert problem in again.log.read_text()
        assert not is_free(testbed, 5300, socket.SOCK_DGRAM)
        assert reached(testbed.outside, one, (ADDRESSES[0], 80), (HOST[0], 8080)) == OUTSIDE[0]
    assert again.connect("one", ports=[WEB, DNS]) == endpoint
    assert again.problems(endpoint) == []


def test_after_a_reboot_of_the_network_everything_is_there_again(empty_testbed: Testbed) -> None:
    testbed, one = empty_testbed, Sandbox(empty_testbed, "one")
    daemon = Daemon(testbed)
    daemon.create("blue")
    endpoint = daemon.connect("one", ports=[WEB])
    daemon.stop()
    testbed.run("ip", "link", "del", "br-blue")
    testbed.run("nft", "flush", "ruleset")
    again = Daemon(testbed)
    assert again.problems(endpoint) == []
    assert reached(testbed, one, (ADDRESSES[0], 80), ("127.0.0.1", 8080)) == GATEWAYS[0]


def test_a_daemon_killed_at_work_leaves_whole_endpoints_or_none(empty_testbed: Testbed) -> None:
    testbed = empty_testbed
    boxes = [Sandbox(testbed, f"c{number}") for number in range(24)]
    daemon = Daemon(testbed)
    daemon.create("blue")

    def ports(number: int) -> list[PortMapping]:
        return [PortMapping(host_port=8000 + number, container_port=80), CHOSEN]

    calls = [
        daemon.net.Connect.future(connect(box.name, ports=ports(number)))
        for number, box in enumerate(boxes)
    ]
    calls[3].result(PATIENCE)
    daemon.signal(signal.SIGKILL)
    daemon.wait()

    again = Daemon(testbed)
    endpoints = again.endpoints()
    assert [again.problems(endpoint) for endpoint in endpoints] == [[]] * len(endpoints)
    answered_to = [call.result().endpoint for call in calls if not call.exception()]
    assert {_ports(endpoint) for endpoint in answered_to} <= {
        _ports(endpoint) for endpoint in endpoints
    }
    assert elements(testbed) == 4 * len(endpoints)  # two ports, two families
    taken = {port.host_port for endpoint in endpoints for port in endpoint.ports}
    assert {8000 + n for n in range(24) if not is_free(testbed, 8000 + n)} <= taken
    for box in boxes:
        again.connect(box.name, ports=ports(int(box.name[1:])))
    again.delete("blue")
    assert elements(testbed) == 0
    assert all(is_free(testbed, port) for port in taken)


def _ports(endpoint: Endpoint) -> tuple[str, tuple[int, ...]]:
    return endpoint.id, tuple(port.host_port for port in endpoint.ports)
