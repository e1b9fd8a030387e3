"""``Doctor`` with probes: which packets it has sent, and where they ended."""

from mynet.v1 import network_pb2
from tests.server.support.stack import Stack

ANSWERED, UNANSWERED = network_pb2.PROBE_STATE_ANSWERED, network_pb2.PROBE_STATE_UNANSWERED


def probes(stack: Stack) -> dict[str, tuple[int, str]]:
    answer = stack.net.Doctor(network_pb2.DoctorRequest(probe=True))
    return {probe.target: (probe.state, probe.reason) for probe in answer.probes}


def test_packets_of_ready_endpoints_are_answered(stack: Stack) -> None:
    stack.network("web", "10.1.0.0/24", "fd00:1::/64")
    for name in ("c1", "c2"):
        stack.connect(name, netns_name=name)
    seen = probes(stack)
    assert {"gateway 10.1.0.1", "gateway fd00:1::1", "eth0 at 10.1.0.2"} <= seen.keys()
    assert set(seen.values()) == {(ANSWERED, "")}


def test_without_networks_no_packet_is_sent(stack: Stack) -> None:
    assert probes(stack) == {}


def test_a_packet_that_cannot_be_sent_says_why(stack: Stack) -> None:
    stack.network("web", "10.1.0.0/24")
    endpoint = stack.connect("c1", netns_name="c1")
    stack.kernel.delete_link(endpoint.host_interface)
    state, reason = probes(stack)["gateway 10.1.0.1"]
    assert (state, reason) == (UNANSWERED, "it cannot be sent: No such device")
    stack.connect("c1", netns_name="c1")  # makes the pair again
    assert probes(stack)["gateway 10.1.0.1"] == (ANSWERED, "")
