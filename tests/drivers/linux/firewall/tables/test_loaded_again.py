"""A start of the daemon loads the tables again, and no packet notices."""

import socket
import threading
import time
from contextlib import ExitStack

import pytest

from mynet.drivers.api import PortMapping, PortProtocol
from mynet.drivers.testing import SampleCall
from tests.drivers.linux.support.topology import FAMILIES, HOST, OUTSIDE, Topology, by_family

STARTS = 40
PORT = 5353
PATIENCE = 60.0  # seconds
_SO_RCVBUFFORCE = 33


@pytest.fixture(scope="module")
def topology(unfiltered: Topology) -> Topology:
    unfiltered.publish("red1", PortMapping(PORT, PortProtocol.UDP, PORT))
    return unfiltered


def start(topology: Topology) -> None:
    """Do what a start of the daemon does."""
    with topology.namespaces["host"].entered():
        topology.driver.restore(SampleCall(), topology.networks())


class Stream:
    """Numbered datagrams from one socket to another, one every few hundred microseconds."""

    def __init__(self, sender: socket.socket, to: tuple[str, int], receiver: socket.socket) -> None:
        self._sender, self._to, self._receiver = sender, to, receiver
        receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        self._ending = threading.Event()
        self._sent = 0
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        while not self._ending.is_set():
            self._sender.sendto(str(self._sent).encode(), self._to)
            self._sent += 1
            time.sleep(0.0002)

    def end(self) -> tuple[int, set[int]]:
        """Return how many were sent, and the numbers of those that are missing."""
        self._ending.set()
        self._thread.join()
        self._sender.sendto(b"the end", self._to)
        self._receiver.settimeout(PATIENCE)
        seen = set()
        while (word := self._receiver.recv(100)) != b"the end":
            seen.add(int(word))
        return self._sent, set(range(self._sent)) - seen


@by_family
def test_no_datagram_of_a_standing_flow_is_lost(topology: Topology, version: int) -> None:
    """From a sandbox to outside, from outside to a published port, and between two sandboxes."""
    with ExitStack() as stack:

        def opened(name: str, port: int = 0) -> socket.socket:
            return stack.enter_context(topology.listening(name, version, socket.SOCK_DGRAM, port))

        peer, server, neighbour = opened("outside"), opened("red1", PORT), opened("red2")
        streams = [
            Stream(opened("blue1"), (OUTSIDE[version], peer.getsockname()[1]), peer),
            Stream(opened("outside"), (HOST[version], PORT), server),
            Stream(
                opened("red1"),
                (topology.address("red2", version), neighbour.getsockname()[1]),
                neighbour,
            ),
        ]
        for _ in range(STARTS):
            start(topology)
        results = [stream.end() for stream in streams]
    assert all(sent > STARTS for sent, _ in results)
    assert [missing for _, missing in results] == [set()] * 3


def test_rules_that_are_current_stay_and_elements_are_as_before(topology: Topology) -> None:
    host = topology.namespaces["host"]

    def handles() -> str:
        return host.run("nft", "--stateless", "--handle", "list", "table", "inet", "mynet")

    start(topology)
    before = handles()
    host.run("nft", "add element inet mynet pub4 { tcp . 4000 : 10.9.9.9 . 80 }")
    host.run("nft", "flush set inet mynet br_all")
    start(topology)
    assert handles() == before


@pytest.mark.parametrize(
    "earlier",
    [
        "delete chain inet mynet snat_check",
        "add chain inet mynet forward { policy drop; }",
        "add set inet mynet mine { type ifname; }",
        "flush chain bridge mynet refuse",
        "delete table bridge mynet",
        "delete table inet mynet; add table inet mynet",
    ],
)
def test_tables_of_another_version_are_replaced(topology: Topology, earlier: str) -> None:
    host = topology.namespaces["host"]
    start(topology)
    before = host.run("nft", "--stateless", "list", "ruleset")
    host.run("nft", earlier)
    start(topology)
    assert host.run("nft", "--stateless", "list", "ruleset") == before


@by_family
def test_a_flow_that_begins_afterwards_is_translated(topology: Topology, version: int) -> None:
    start(topology)
    with topology.namespaces["blue1"].entered():
        sock = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
    with sock, topology.listening("outside", version, socket.SOCK_DGRAM) as peer:
        sock.sendto(b"word", (OUTSIDE[version], peer.getsockname()[1]))
        assert peer.recvfrom(100)[1][0] == HOST[version]
