"""What another program has damaged is repaired by the same call again, or by the next start."""

from collections.abc import Sequence

import pytest

from mynet.v1.network_pb2 import Network
from tests.e2e.support.daemon import Daemon, connect, create, refusal
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import Sandbox, Testbed


@pytest.fixture(scope="module")
def options() -> Sequence[str]:
    return ["--no-heal"]


@pytest.mark.parametrize(
    "damage",
    ["ip -n one link del eth0", "ip -n one addr flush dev eth0", "ip link set {port} nomaster"],
)
def test_connecting_again_repairs_an_endpoint(
    daemon: Daemon, blue: Network, one: Sandbox, two: Sandbox, damage: str
) -> None:
    endpoint = daemon.connect("one")
    daemon.connect("two")
    daemon.testbed.run(*damage.format(port=endpoint.host_interface).split())
    assert daemon.connect("one").id == endpoint.id
    assert daemon.problems(endpoint) == []
    assert talk(one, two, "10.88.0.3") == "10.88.0.2"


def test_creating_a_network_again_repairs_its_bridge(
    daemon: Daemon, blue: Network, one: Sandbox, two: Sandbox
) -> None:
    for container in ("one", "two"):
        daemon.connect(container)
    daemon.testbed.run("ip", "link", "del", "br-blue")
    refused = refusal(daemon.net.Connect, connect("one", netns_name="one"))
    assert (refused.code, refused.reason) == ("INTERNAL", "KERNEL_ERROR")
    assert "allow_existing" in refused.message
    again = create("blue")
    again.allow_existing = True
    assert daemon.net.CreateNetwork(again).network.id == blue.id
    for container in ("one", "two"):
        daemon.connect(container)
    assert talk(one, two, "fd88::3") == "fd88::2"


def test_the_next_start_repairs_networks_and_endpoints_that_are_there(
    empty_testbed: Testbed,
) -> None:
    one, two = Sandbox(empty_testbed, "one"), Sandbox(empty_testbed, "two")
    Sandbox(empty_testbed, "gone")
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    before = [daemon.connect(name) for name in ("one", "two", "gone")]
    daemon.stop()
    empty_testbed.run("ip", "link", "del", "br-blue")
    empty_testbed.run("ip", "-n", "two", "link", "del", "eth0")
    empty_testbed.run("ip", "netns", "del", "gone")
    empty_testbed.run("nft", "flush", "ruleset")

    again = Daemon(empty_testbed)
    assert [endpoint.id for endpoint in again.endpoints()] == [
        endpoint.id for endpoint in before[:2]
    ]
    assert [again.problems(endpoint) for endpoint in before[:2]] == [[], []]
    assert talk(one, two, "10.88.0.3") == "10.88.0.2"
    Sandbox(empty_testbed, "gone")  # a new namespace of that name gets the addresses again
    back = again.connect("gone")
    assert back.addresses == before[2].addresses
    assert again.problems(back) == []
