"""The daemon ends, networks go on without it, and the next daemon finds what it left."""

import signal
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from mynet.v1.network_pb2 import EndpointState, ListNetworksRequest
from tests.e2e.support.daemon import STATE, Daemon, connect, create, eventually, refusal
from tests.e2e.support.namespace import PATIENCE, talk
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed

PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.fixture(scope="session")
def slow(install: Callable[..., str]) -> str:
    """A folder with the driver slow, which makes a network when its folder has a file "go"."""
    return install(PLUGINS / "slow")


@pytest.fixture
def boxes(empty_testbed: Testbed) -> tuple[Sandbox, Sandbox]:
    return Sandbox(empty_testbed, "one"), Sandbox(empty_testbed, "two")


def populated(testbed: Testbed) -> Daemon:
    """Start a daemon, and connect containers one and two to network blue."""
    daemon = Daemon(testbed)
    daemon.create("blue")
    daemon.connect("one")
    daemon.connect("two")
    return daemon


def test_networks_carry_traffic_while_the_daemon_is_stopped_and_started(
    empty_testbed: Testbed, boxes: tuple[Sandbox, Sandbox], tmp_path: Path
) -> None:
    daemon = populated(empty_testbed)
    one, _ = boxes
    output = tmp_path / "ping"
    enter = ("nsenter", f"--net={one.path}")
    ping = empty_testbed.start(*enter, "ping", "-i0.01", "10.88.0.3", output=output)
    eventually(lambda: "icmp_seq=10 " in output.read_text())
    daemon.stop()
    assert talk(one, empty_testbed.outside, OUTSIDE[0]) == HOST[0]
    Daemon(empty_testbed)
    assert talk(one, empty_testbed.outside, OUTSIDE[1]) == HOST[1]
    ping.send_signal(signal.SIGINT)
    ping.wait(PATIENCE)
    assert ", 0% packet loss" in output.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.usefixtures("boxes")
def test_the_next_daemon_finds_everything_as_it_was(empty_testbed: Testbed, number: int) -> None:
    untouched = empty_testbed.state()
    daemon = populated(empty_testbed)
    before, endpoints, networks = daemon.everything(), daemon.endpoints(), daemon.networks()
    daemon.signal(number)
    daemon.wait()

    again = Daemon(empty_testbed)
    assert again.everything() == before
    assert (again.endpoints(), again.networks()) == (endpoints, networks)
    assert [again.problems(endpoint) for endpoint in endpoints] == [[], []]

    again.disconnect("one")
    again.delete("blue")
    assert again.allocations() == {}
    again.stop()
    assert empty_testbed.findings() == []
    empty_testbed.spoilt = True
    for family in ("inet", "bridge"):
        empty_testbed.run("nft", "delete", "table", family, "mynet")
    assert empty_testbed.state() == untouched


def test_a_signal_amid_the_very_first_calls_is_not_lost(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed)
    calls = [daemon.net.ListNetworks.future(ListNetworksRequest()) for _ in range(32)]
    calls[0].result(PATIENCE)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_calls_under_way_may_end_and_new_ones_are_turned_away(
    empty_testbed: Testbed, slow: str, number: int
) -> None:
    daemon = Daemon(empty_testbed, PYTHONPATH=slow)
    folder = empty_testbed.root / STATE / "drivers" / "slow"
    under_way = daemon.net.CreateNetwork.future(create("blue", driver="slow"))
    eventually((folder / "begun").exists)
    daemon.signal(number)
    eventually(lambda: daemon.health() == "NOT_SERVING")
    refused = refusal(daemon.net.ListNetworks, ListNetworksRequest())
    assert (refused.code, refused.reason) == ("UNAVAILABLE", "SHUTTING_DOWN")
    (folder / "go").touch()
    network = under_way.result(PATIENCE).network
    assert daemon.wait() == 0
    assert list(Daemon(empty_testbed, PYTHONPATH=slow).networks()) == [network]


def test_a_call_that_outlasts_the_grace_is_undone_by_the_next_daemon(
    empty_testbed: Testbed, slow: str
) -> None:
    daemon = Daemon(empty_testbed, "--shutdown-grace", "0.2", PYTHONPATH=slow)
    folder = empty_testbed.root / STATE / "drivers" / "slow"
    under_way = daemon.net.CreateNetwork.future(create("blue", driver="slow"))
    eventually((folder / "begun").exists)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0  # although the driver has not ended
    with pytest.raises(grpc.RpcError):
        under_way.result(PATIENCE)
    assert not (folder / "deleted").exists()
    again = Daemon(empty_testbed, PYTHONPATH=slow)
    assert (folder / "deleted").exists()
    assert (list(again.networks()), again.allocations()) == ([], {})


def test_a_daemon_killed_at_work_leaves_whole_endpoints_or_none(empty_testbed: Testbed) -> None:
    boxes = [Sandbox(empty_testbed, f"c{number}") for number in range(24)]
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    calls = [daemon.net.Connect.future(connect(box.name)) for box in boxes]
    calls[3].result(PATIENCE)
    daemon.signal(signal.SIGKILL)
    daemon.wait()

    again = Daemon(empty_testbed)
    endpoints = again.endpoints()
    assert {endpoint.state for endpoint in endpoints} == {EndpointState.ENDPOINT_STATE_READY}
    assert [again.problems(endpoint) for endpoint in endpoints] == [[]] * len(endpoints)
    connected = {endpoint.container_id for endpoint in endpoints}
    answered = {call.result().endpoint.container_id for call in calls if not call.exception()}
    assert answered <= connected
    assert {box.name for box in boxes if "eth0" in box.links()} == connected
    ports = {name for name in empty_testbed.links() if name.startswith("veth")}
    assert ports == {endpoint.host_interface for endpoint in endpoints}
    assert len(again.allocations()) == 2 * (len(endpoints) + 1)  # and the gateway's
