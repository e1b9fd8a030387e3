"""An endpoint with the address of another that is gone gets none of its packets."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_address

import pytest

from mynet.drivers.api import PortMapping
from mynet.drivers.linux.firewall.flows.gone_flows import GoneFlows
from mynet.drivers.testing import SampleCall
from tests.drivers.linux.support.namespaces import Namespace
from tests.drivers.linux.support.topology import HOST, OUTSIDE, Topology, by_family


@pytest.fixture
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    made = Topology(tmp_path_factory.mktemp("topology"))
    yield made
    made.close()


def tracked(topology: Topology, version: int) -> list[str]:
    """Return the flows of the address of red1."""
    address = ip_address(topology.address("red1", version)).exploded
    lines = topology.namespaces["host"].run("cat", "/proc/thread-self/net/nf_conntrack")
    return [line for line in lines.splitlines() if f"={address} " in line]


@by_family
def test_the_heir_of_an_address_gets_nothing_of_the_flows_before(
    topology: Topology, version: int
) -> None:
    """A flow of UDP that red1 opened, and a connection to its published port."""
    topology.publish("red1", PortMapping(80, host_port=8080))
    heir = Namespace()
    with ExitStack() as stack:
        stack.callback(heir.close)
        peer = stack.enter_context(topology.listening("outside", version, socket.SOCK_DGRAM))
        sender = stack.enter_context(topology.listening("red1", version, socket.SOCK_DGRAM, 7000))
        server = stack.enter_context(topology.listening("red1", version, socket.SOCK_STREAM, 80))
        server.listen()
        sender.sendto(b"word", (OUTSIDE[version], peer.getsockname()[1]))
        source = peer.recvfrom(100)[1][:2]
        client = stack.enter_context(topology.listening("outside", version, socket.SOCK_STREAM))
        client.connect((HOST[version], 8080))
        stack.enter_context(server.accept()[0])
        assert len(tracked(topology, version)) >= 2
        topology.disconnect("red1")
        topology.namespaces["red1"], topology.namespaces["old"] = (
            heir,
            topology.namespaces["red1"],
        )
        stack.callback(topology.namespaces["old"].close)
        endpoint = replace(topology.endpoints["red1"], id="heir", ports=(), sandbox=heir.sandbox)
        with topology.namespaces["host"].entered():
            topology.driver.connect(SampleCall(), endpoint)
        assert tracked(topology, version) == []
        got = stack.enter_context(topology.listening("red1", version, socket.SOCK_DGRAM, 7000))
        peer.sendto(b"for the one before", source)
        topology.speak("host", b"a witness", version, (topology.address("red1", version), 7000))
        assert got.recv(100) == b"a witness"


@by_family
def test_flows_end_soon_after_their_endpoint(topology: Topology, version: int) -> None:
    with (
        topology.listening("outside", version, socket.SOCK_DGRAM) as peer,
        topology.listening("red1", version, socket.SOCK_DGRAM) as sender,
        topology.listening("red2", version, socket.SOCK_DGRAM) as neighbour,
    ):
        for sock in (sender, neighbour):
            sock.sendto(b"word", (OUTSIDE[version], peer.getsockname()[1]))
            source = peer.recvfrom(100)[1][:2]
        topology.disconnect("red1")
        with topology.namespaces["host"].entered():
            topology.driver.close()  # does what is left to do
        assert tracked(topology, version) == []
        peer.sendto(b"answer", source)
        assert neighbour.recv(100) == b"answer"


def test_nothing_is_being_deleted_any_more_after_a_close(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, done = threading.Event(), threading.Event()

    def delete(_: object) -> None:
        begun.set()
        time.sleep(0.3)
        done.set()

    monkeypatch.setattr("mynet.drivers.linux.firewall.flows.gone_flows.DELAY", 0)
    monkeypatch.setattr("mynet.drivers.linux.firewall.flows.conntrack.forget_addresses", delete)
    flows = GoneFlows()
    flows.add([ip_address("10.1.0.2")])
    assert begun.wait(60)
    flows.close()
    assert done.is_set()
