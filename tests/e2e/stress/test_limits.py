"""At a limit of the kernel a call is refused with the number, and leaves nothing."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from mynet.v1.network_pb2 import PortMapping
from tests.e2e.support.daemon import Daemon, Refusal, refused_as
from tests.e2e.support.testbed import Sandbox, Testbed

PORTS = 1023  # the kernel's limit for a bridge
RACERS = 16
GROUP = "77"
WEB = PortMapping(container_port=80)


def crowd(testbed: Testbed, ports: int) -> None:
    """Put so many foreign links into br-blue, all of them in one group."""
    pairs = range(ports // 2)
    script = [
        *(f"link add p{n} group {GROUP} type veth peer name q{n} group {GROUP}" for n in pairs),
        *(f"link set {end}{n} master br-blue" for n in pairs for end in "pq"),
    ]
    testbed.run("sh", "-euc", "\n".join(("ip -batch - <<.", *script, ".")))


@pytest.mark.usefixtures("blue")
def test_of_callers_that_race_for_the_last_port_of_a_bridge_one_gets_it(daemon: Daemon) -> None:
    before = daemon.everything()
    crowd(daemon.testbed, PORTS - 1)
    boxes = [Sandbox(daemon.testbed, f"c{number}") for number in range(RACERS)]

    def race(box: Sandbox) -> Refusal | None:
        try:
            daemon.connect(box.name, ports=[WEB])
        except grpc.RpcError as error:
            return refused_as(error)
        return None

    with ThreadPoolExecutor(RACERS) as racers:
        late = [refused for refused in racers.map(race, boxes) if refused]
    assert {(refused.code, refused.reason) for refused in late} == {
        ("RESOURCE_EXHAUSTED", "BRIDGE_FULL")
    }
    assert len(late) == RACERS - 1
    assert all(str(PORTS) in refused.message for refused in late)
    (winner,) = daemon.endpoints()
    daemon.disconnect(winner.container_id)
    daemon.testbed.run("ip", "link", "delete", "group", GROUP)
    assert daemon.everything() == before
    for box in boxes:
        assert set(box.links()) == {"lo"}
        box.close()
