"""Which UDP flows are forgotten when a port is published or unpublished."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from mynet.drivers.api import PortMapping, PortProtocol
from mynet.drivers.linux.firewall.flows.conntrack import is_of
from mynet.drivers.linux.netlink.netfilter.conntrack import Flow
from mynet.drivers.linux.values.ports import Forward
from tests.drivers.linux.firewall.packets.test_port_flows import asker
from tests.drivers.linux.support.topology import FAMILIES, HOST, Topology, by_family

LOCAL = frozenset({ip_address("192.0.2.1"), ip_address("127.0.0.1")})
PORT = Forward(PortProtocol.UDP, None, 53, ip_address("10.1.0.2"), 5353, count=2)
AT_LOOPBACK = replace(PORT, host=IPv4Address("127.0.0.1"))


CLIENT = ip_address("198.51.100.7")


def flow(to: str, port: int, answers_from: str, answering: int) -> Flow:
    """Return the flow of a client, whose address is not translated."""
    there, back = (ip_address(to), port), (ip_address(answers_from), answering)
    return Flow(CLIENT, 40000, *there, *back, CLIENT, 40000, b"")


def leaving(source: str, port: int, seen_as: str, seen_port: int) -> Flow:
    """Return the flow of a sandbox to a peer outside, and what the peer sees as its source."""
    seen = (ip_address(seen_as), seen_port)
    return Flow(ip_address(source), port, CLIENT, 40000, CLIENT, 40000, *seen, b"")


@pytest.mark.parametrize(
    ("seen", "port", "expected"),
    [
        (flow("192.0.2.1", 53, "10.1.0.2", 5353), PORT, True),
        (flow("192.0.2.1", 54, "10.1.0.2", 5354), PORT, True),
        (
            flow("192.0.2.1", 53, "192.0.2.1", 53),
            PORT,
            True,
        ),  # it began before the port was published
        (
            flow("192.0.2.1", 53, "10.1.0.9", 80),
            PORT,
            True,
        ),  # it leads to the endpoint that had the port
        (flow("192.0.2.9", 53, "10.1.0.2", 5353), PORT, True),  # an address that the host has lost
        (flow("127.0.0.53", 53, "127.0.0.53", 53), PORT, True),
        (flow("192.0.2.1", 52, "10.1.0.2", 5352), PORT, False),
        (flow("192.0.2.1", 55, "10.1.0.2", 5355), PORT, False),
        (flow("8.8.8.8", 53, "8.8.8.8", 53), PORT, False),  # a query to a server outside
        (flow("8.8.8.8", 53, "10.1.0.2", 53), PORT, False),
        (flow("127.0.0.1", 53, "127.0.0.1", 53), AT_LOOPBACK, True),
        (flow("192.0.2.1", 53, "192.0.2.1", 53), AT_LOOPBACK, False),
        (leaving("10.1.0.2", 5353, "192.0.2.1", 5353), PORT, True),  # it leaves by port 53 now
        (leaving("10.1.0.2", 5354, "192.0.2.9", 61000), PORT, True),
        (leaving("10.1.0.9", 40000, "192.0.2.1", 54), PORT, True),  # it had the port
        (leaving("10.1.0.2", 5355, "192.0.2.1", 5355), PORT, False),
        (leaving("10.1.0.9", 5353, "192.0.2.1", 5353), PORT, False),
        (leaving("10.1.0.2", 5353, "10.1.0.2", 5353), PORT, False),  # it is not translated
        (leaving("10.1.0.9", 53, "192.0.2.9", 53), PORT, False),  # by an address of another host
        (leaving("10.1.0.9", 53, "192.0.2.1", 53), AT_LOOPBACK, False),
    ],
)
def test_flows_of_a_port_are_recognised(seen: Flow, port: Forward, *, expected: bool) -> None:
    assert is_of(seen, port, LOCAL) is expected


@pytest.fixture
def topology(unfiltered: Topology) -> Iterator[Topology]:
    """The shared topology, in which no port is published before and after a test."""
    yield unfiltered
    unfiltered.unpublish_all()


def flows(topology: Topology, port: int) -> int:
    """Return the number of the host's UDP flows to a port, as the kernel lists them."""
    listed = (
        topology.namespaces["host"].run("cat", "/proc/thread-self/net/nf_conntrack").splitlines()
    )
    return sum(" udp " in line and f" dport={port} " in line for line in listed)


shapes = pytest.mark.parametrize("count", [1, 9], ids=["one port", "a range"])


@by_family
@shapes
def test_a_client_that_goes_on_sending_reaches_the_endpoint_that_has_the_port_now(
    topology: Topology, version: int, count: int
) -> None:
    """One socket keeps one flow while the port is unpublished, red1's, unpublished and blue1's."""
    ports = PortMapping(5000, PortProtocol.UDP, 5000, count)
    with topology.namespaces["outside"].entered():
        client = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
    with client:
        client.settimeout(5)
        client.bind(("", 0))
        to = HOST[version], 5000

        def reaches(box: str) -> bool:
            with topology.listening(box, version, socket.SOCK_DGRAM, 5000) as listener:
                client.sendto(b"question", to)
                said, back = listener.recvfrom(100)
                listener.sendto(b"answer", back)
                return (said, client.recv(100)) == (b"question", b"answer")

        with topology.listening("host", version, socket.SOCK_DGRAM, 5000):
            client.sendto(b"unpublished", to)
        topology.publish("red1", ports)
        assert reaches("red1")
        topology.disconnect("red1")
        with topology.listening("host", version, socket.SOCK_DGRAM, 5000):
            client.sendto(b"unpublished", to)
        topology.publish("blue1", ports)
        assert reaches("blue1")
        topology.publish("blue1")
        topology.disconnect("blue1")


@by_family
@shapes
def test_disconnecting_leaves_no_flow(topology: Topology, version: int, count: int) -> None:
    topology.publish("red1", PortMapping(5000, PortProtocol.UDP, 6000, count))
    asker(topology, "outside", (HOST[version], 6000), 5000)
    asker(topology, "blue1", (HOST[version], 6000), 5000)
    assert flows(topology, 6000) == 2
    topology.disconnect("red1")
    assert flows(topology, 6000) == 0


@by_family
def test_publishing_again_keeps_the_flows(topology: Topology, version: int) -> None:
    port = PortMapping(5000, PortProtocol.UDP, 6000)
    topology.publish("red1", port)
    asker(topology, "outside", (HOST[version], 6000), 5000)
    topology.publish("red1", port)
    assert flows(topology, 6000) == 1
    topology.namespaces["host"].run("nft", "flush", "ruleset")
    topology.publish("red1", port)
    assert flows(topology, 6000) == 0


def test_the_flows_of_a_port_that_is_replaced_are_forgotten(topology: Topology) -> None:
    topology.publish("red1", PortMapping(5000, PortProtocol.UDP, 6000))
    asker(topology, "outside", (HOST[4], 6000), 5000)
    topology.publish("red1", PortMapping(5000, PortProtocol.UDP, 6001))
    assert flows(topology, 6000) == 0


@by_family
def test_flows_of_a_port_that_stays_are_kept_while_others_change(
    topology: Topology, version: int
) -> None:
    port = PortMapping(5000, PortProtocol.UDP, 6000)
    topology.publish("red1", port)
    asker(topology, "outside", (HOST[version], 6000), 5000)
    topology.publish("red1", port, PortMapping(5001, PortProtocol.UDP, 6001))
    topology.publish("red1", port, PortMapping(5002, PortProtocol.UDP, 6002))
    assert flows(topology, 6000) == 1


def test_flows_to_the_same_port_of_another_host_are_kept(topology: Topology) -> None:
    with topology.listening("outside", 4, socket.SOCK_DGRAM, 5000) as far:
        topology.speak("red1", b"question", 4, (topology.address("outside", 4), 5000))
        assert far.recv(100) == b"question"
        assert flows(topology, 5000) == 1
        topology.publish("red2", PortMapping(5000, PortProtocol.UDP, 5000))
        topology.disconnect("red2")
        assert flows(topology, 5000) == 1
