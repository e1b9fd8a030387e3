"""kill -9 at each durable record and each kernel step of a verb, and a start after it.

Whenever it was: what the call was to do has happened or it has not, nothing is between, the kernel
is what the books say, and the same call succeeds.
"""

import sys
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

DOOMED = (sys.executable, str(Path(__file__).parents[1] / "support" / "kill_daemon.py"))
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
    for address in [each.address for each in held]:
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

# Each verb, and what makes it possible again.
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
# What changes in place what is READY: killed between the kernel and the record, these differ. All
# else leaves an intent, and fsck finds nothing amiss in the books or in the kernel.
IN_PLACE = {"UpdateNetwork", "UpdateEndpoint"}


@dataclass
class Theatre:
    """A testbed on which one daemon after the other dies, and the folder that tells it where."""

    testbed: Testbed
    folder: Path

    def start(self) -> Daemon:
        return Daemon(self.testbed, program=(*DOOMED, str(self.folder)))

    def run(self, daemon: Daemon, step: Step, point: int) -> tuple[bool, list[str]]:
        """Take a step with death at a point; say whether it came, and what points were reached."""
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
def theatre(empty_testbed: Testbed, tmp_path: Path) -> Theatre:
    """A theatre with network blue, and a sandbox that is not on it."""
    folder = tmp_path / "points"
    folder.mkdir()
    Sandbox(empty_testbed, "one")
    return Theatre(empty_testbed, folder)


def shape(daemon: Daemon) -> Mapping[str, object]:
    """Return what there is, without what is another each time: ids, and who got which address."""
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
    """Say whether a link is a bridge's port that exchanges no frames with others of its kind."""
    return bool(link.get("linkinfo", {}).get("info_slave_data", {}).get("isolated"))


def require_sound(daemon: Daemon, where: str) -> None:
    answer = daemon.net.Doctor(network_pb2.DoctorRequest())
    assert not answer.findings, f"{where}: {answer}"


@pytest.mark.parametrize("verb", VERBS)
def test_wherever_it_is_killed_nothing_is_half_done(verb: str, theatre: Theatre) -> None:
    act, undo = VERBS[verb]
    daemon = theatre.start()
    daemon.create("blue")
    undo(daemon)
    before = shape(daemon)
    died, points = theatre.run(daemon, act, 0)
    after = shape(daemon)
    assert not died
    assert before != after
    assert len([point for point in points if "after a commit" in point]) >= 1
    seen, torn = [], []
    for number, name in enumerate(points, start=1):
        undo(daemon)
        assert shape(daemon) == before, f"after the undo before point {number}, {name}"
        died, reached = theatre.run(daemon, act, number)
        where = f"killed at point {number}, {reached[-1]}"
        assert died, where
        findings = theatre.testbed.findings()  # though nothing has healed it yet
        torn += [each.split(":")[0] for each in findings]
        daemon = theatre.start()
        seen.append(shape(daemon))
        assert seen[-1] in (before, after), where
        require_sound(daemon, where)
        act(daemon)
        assert shape(daemon) == after, where
        require_sound(daemon, where)
    assert (seen[0], seen[-1]) == (before, after)
    assert set(torn) == ({"kernel"} if verb in IN_PLACE else set())
    daemon.stop()
