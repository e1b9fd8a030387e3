"""kill -9 at each durable record and each kernel step of a verb, and a start after it.

After it the call has been carried out whole or not at all, the kernel is as the records say, and
the same call succeeds.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from mynet.v1 import ipam_pb2, network_pb2
from tests.e2e.support.daemon import Daemon, connect, create
from tests.e2e.support.testbed import HOST, Sandbox, Testbed
from tests.support.matrix import matrix

KILL_DAEMON = str(Path(__file__).parents[1] / "programs" / "kill_daemon.py")
PARTS = 5  # each kills at the first, the last, and every fifth point
POOL = "10.64.0.0/16"


def make_green(daemon: Daemon) -> None:
    asked = create("green", "10.2.0.0/24", "fd02::/64")
    asked.allow_existing = True
    daemon.net.CreateNetwork(asked)


def delete_green(daemon: Daemon) -> None:
    asked = network_pb2.DeleteNetworkRequest(network="green", force=True, allow_missing=True)
    daemon.net.DeleteNetwork(asked)


def attach(daemon: Daemon) -> None:
    daemon.net.Connect(connect("one"))


def attach_with_all(daemon: Daemon) -> None:
    options = {"bandwidth_ingress": "10Mbit", "bandwidth_egress": "10Mbit"}
    ports = [network_pb2.PortMapping(host_port=8080, container_port=80, host_ip=HOST[0])]
    daemon.net.Connect(connect("one", options=options, ports=ports))


def detach(daemon: Daemon) -> None:
    asked = network_pb2.DisconnectRequest(network="blue", container_id="one", allow_missing=True)
    daemon.net.Disconnect(asked)


def make_green_with_an_endpoint(daemon: Daemon) -> None:
    make_green(daemon)
    daemon.net.Connect(connect("one", network="green"))


def allocate(daemon: Daemon) -> None:
    daemon.ipam.AllocateAddress(ipam_pb2.AllocateAddressRequest(subnet=POOL, owner="vm-7"))


def hand_back(daemon: Daemon) -> None:
    held = daemon.ipam.ListAllocations(ipam_pb2.ListAllocationsRequest(owner="vm-7")).allocations
    for address in [allocation.address for allocation in held]:
        asked = ipam_pb2.ReleaseAddressRequest(subnet=POOL, address=address, owner="vm-7")
        daemon.ipam.ReleaseAddress(asked)


def release(daemon: Daemon) -> None:
    daemon.ipam.ReleaseOwner(ipam_pb2.ReleaseOwnerRequest(owner="vm-7"))


def divide(daemon: Daemon) -> None:
    options = {"icc": "false", "gateway_mode_ipv6": "routed"}
    daemon.net.UpdateNetwork(network_pb2.UpdateNetworkRequest(network="blue", options=options))


def unite(daemon: Daemon) -> None:
    daemon.net.Connect(connect("one"))
    daemon.net.Connect(connect("loose", netns_path=""))  # which no start makes anew
    back = network_pb2.UpdateNetworkRequest(
        network="blue", remove_options=["icc", "gateway_mode_ipv6"]
    )
    daemon.net.UpdateNetwork(back)


def move_ports(daemon: Daemon) -> None:
    asked = network_pb2.UpdateEndpointRequest(network="blue", container_id="one")
    asked.ports.add(host_port=9000, container_port=9000, count=10)
    asked.remove_ports.add(container_port=80)
    daemon.net.UpdateEndpoint(asked)


def move_ports_back(daemon: Daemon) -> None:
    if not daemon.endpoints():
        daemon.net.Connect(connect("one"))
    asked = network_pb2.UpdateEndpointRequest(network="blue", container_id="one")
    asked.ports.add(host_port=8080, container_port=80)
    asked.replace_ports = True
    daemon.net.UpdateEndpoint(asked)


Step = Callable[[Daemon], None]

# Each verb, and the call that makes it possible again.
VERBS: Mapping[str, tuple[Step, Step]] = {
    "CreateNetwork": (make_green, delete_green),
    "DeleteNetwork": (delete_green, make_green_with_an_endpoint),
    "UpdateNetwork": (divide, unite),
    "Connect": (attach, detach),
    "UpdateEndpoint": (move_ports, move_ports_back),
    "Disconnect": (detach, attach),
    "Connect with all": (attach_with_all, detach),
    "Disconnect with all": (detach, attach_with_all),
    "AllocateAddress": (allocate, release),
    "ReleaseAddress": (hand_back, allocate),
    "ReleaseOwner": (release, allocate),
}
# These change a READY object in place: after a kill between kernel and record the two may differ.
# The others leave an intent on record, and fsck finds nothing.
IN_PLACE = {"UpdateNetwork", "UpdateEndpoint"}


@dataclass
class Doomed:
    """A testbed on which one daemon after the other is killed, and the folder that says where."""

    testbed: Testbed
    folder: Path

    def start(self) -> Daemon:
        return Daemon(self.testbed, program=(KILL_DAEMON, str(self.folder)))

    def run(self, daemon: Daemon, step: Step, point: int) -> tuple[bool, list[str]]:
        """Take a step, and have the daemon killed at a point, or at none where that is 0.

        Return whether it was killed, and the names of the points that it reached.
        """
        points, armed = self.folder / "points", self.folder / "armed"
        points.write_text("")
        armed.write_text(str(point))
        try:
            step(daemon)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            daemon.wait()
            return True, points.read_text().splitlines()
        finally:
            armed.unlink()
        return False, points.read_text().splitlines()


@pytest.fixture
def doomed(empty_testbed: Testbed, tmp_path: Path) -> Doomed:
    """A testbed with sandbox one, on which no daemon has run yet."""
    folder = tmp_path / "points"
    folder.mkdir()
    Sandbox(empty_testbed, "one")
    return Doomed(empty_testbed, folder)


def shape(daemon: Daemon) -> Mapping[str, object]:
    """Return networks, endpoints, addresses and the kernel's objects, without what varies: ids."""
    owners = daemon.allocations().values()
    testbed = daemon.testbed
    return {
        "networks": sorted((n.name, n.state, sorted(n.options)) for n in daemon.networks()),
        "endpoints": sorted((e.network, e.container_id, e.state) for e in daemon.endpoints()),
        "holders": Counter(owner.split(":")[0] for owner in owners),
        "subnets": [s.cidr for s in daemon.ipam.ListSubnets(ipam_pb2.ListSubnetsRequest()).subnets],
        "links": sorted(name[:4] for name in testbed.links()),
        "apart": sum(_is_apart(link) for link in testbed.json("ip", "-d", "-j", "link")),
        "firewall": {name: len(elements) for name, elements in testbed.firewall().items()},
    }


def _is_apart(link: Mapping[str, Any]) -> bool:
    """Return whether a link is an isolated port of a bridge."""
    return bool(link.get("linkinfo", {}).get("info_slave_data", {}).get("isolated"))


def require_sound(daemon: Daemon, where: str) -> None:
    answer = daemon.net.Doctor(network_pb2.DoctorRequest())
    assert not answer.findings, f"{where}: {answer}"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("part", matrix(range(PARTS), short=PARTS))
def test_wherever_it_is_killed_nothing_is_half_done(doomed: Doomed, verb: str, part: int) -> None:
    act, undo = VERBS[verb]
    daemon = doomed.start()
    daemon.create("blue")
    undo(daemon)
    before = shape(daemon)
    died, points = doomed.run(daemon, act, 0)
    after = shape(daemon)
    assert not died
    assert before != after
    assert len([point for point in points if "after a commit" in point]) >= 1
    seen, torn = [], []
    for number, name in enumerate(points, start=1):
        if number % PARTS != part and number not in (1, len(points)):
            continue
        undo(daemon)
        assert shape(daemon) == before, f"after the undo before point {number}, {name}"
        died, reached = doomed.run(daemon, act, number)
        where = f"killed at point {number}, {reached[-1]}"
        assert died, where
        findings = doomed.testbed.findings()  # though nothing has healed it yet
        torn += [finding.split(":")[0] for finding in findings]
        daemon = doomed.start()
        seen.append(shape(daemon))
        assert seen[-1] in (before, after), where
        require_sound(daemon, where)
        act(daemon)
        assert shape(daemon) == after, where
        require_sound(daemon, where)
    assert (seen[0], seen[-1]) == (before, after)
    assert set(torn) <= ({"kernel"} if verb in IN_PLACE else set())
    daemon.stop()
