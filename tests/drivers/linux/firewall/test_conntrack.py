"""Flows of UDP that are forgotten, and those that are not."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from mynet.drivers.api import PortMapping, PortProtocol
from mynet.drivers.linux.firewall.conntrack import is_of
from mynet.drivers.linux.netlink.conntrack import Flow
from mynet.drivers.linux.values.ports import Forward
from tests.drivers.linux.firewall.test_port_flows import asker
from tests.drivers.linux.support.topology import FAMILIES, HOST, Town

LOCAL = frozenset({ip_address("192.0.2.1"), ip_address("127.0.0.1")})
PORT = Forward(PortProtocol.UDP, None, 53, ip_address("10.1.0.2"), 5353, count=2)
AT_LOOPBACK = replace(PORT, host=IPv4Address("127.0.0.1"))


def flow(to: str, port: int, answers_from: str, answering: int) -> Flow:
    return Flow(ip_address(to), port, ip_address(answers_from), answering, b"")


@pytest.mark.parametrize(
    ("seen", "port", "expected"),
    [
        (flow("192.0.2.1", 53, "10.1.0.2", 5353), PORT, True),
        (flow("192.0.2.1", 54, "10.1.0.2", 5354), PORT, True),
        (flow("192.0.2.1", 53, "192.0.2.1", 53), PORT, True),  # it began before there was a port
        (flow("192.0.2.1", 53, "10.1.0.9", 80), PORT, True),  # it leads to whoever had the port
        (flow("192.0.2.9", 53, "10.1.0.2", 5353), PORT, True),  # an address that the host has lost
        (flow("127.0.0.53", 53, "127.0.0.53", 53), PORT, True),
        (flow("192.0.2.1", 52, "10.1.0.2", 5352), PORT, False),
        (flow("192.0.2.1", 55, "10.1.0.2", 5355), PORT, False),
        (flow("8.8.8.8", 53, "8.8.8.8", 53), PORT, False),  # somebody asks a server outside
        (flow("8.8.8.8", 53, "10.1.0.2", 53), PORT, False),
        (flow("127.0.0.1", 53, "127.0.0.1", 53), AT_LOOPBACK, True),
        (flow("192.0.2.1", 53, "192.0.2.1", 53), AT_LOOPBACK, False),
    ],
)
def test_which_flows_are_those_of_a_port(seen: Flow, port: Forward, *, expected: bool) -> None:
    assert is_of(seen, port, LOCAL) is expected


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    yield made
    made.close()


def flows(town: Town, port: int) -> int:
    """Count the host's flows of UDP to a port, as the kernel lists them."""
    listed = town.people["host"].run("cat", "/proc/thread-self/net/nf_conntrack").splitlines()
    return sum(" udp " in line and f" dport={port} " in line for line in listed)


by_family = pytest.mark.parametrize("version", [4, 6], ids=["IPv4", "IPv6"])
shapes = pytest.mark.parametrize("count", [1, 9], ids=["one port", "a range"])


@by_family
@shapes
def test_a_client_that_goes_on_sending_reaches_whoever_has_the_port_now(
    town: Town, version: int, count: int
) -> None:
    """One socket, so one flow, all the time: nobody has the port, red1, nobody, then blue1."""
    ports = PortMapping(5000, PortProtocol.UDP, 5000, count)
    with town.people["outside"].entered():
        client = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
    with client:
        client.settimeout(5)
        client.bind(("", 0))
        to = HOST[version], 5000

        def reaches(box: str) -> bool:
            with town.listening(box, version, socket.SOCK_DGRAM, 5000) as listener:
                client.sendto(b"question", to)
                said, back = listener.recvfrom(100)
                listener.sendto(b"answer", back)
                return (said, client.recv(100)) == (b"question", b"answer")

        with town.listening("host", version, socket.SOCK_DGRAM, 5000):
            client.sendto(b"nobody's", to)
        town.publish("red1", ports)
        assert reaches("red1")
        town.disconnect("red1")
        with town.listening("host", version, socket.SOCK_DGRAM, 5000):
            client.sendto(b"nobody's", to)
        town.publish("blue1", ports)
        assert reaches("blue1")
        town.publish("blue1")
        town.disconnect("blue1")


@by_family
@shapes
def test_disconnecting_leaves_no_flow(town: Town, version: int, count: int) -> None:
    town.publish("red1", PortMapping(5000, PortProtocol.UDP, 6000, count))
    asker(town, "outside", (HOST[version], 6000), 5000)
    asker(town, "blue1", (HOST[version], 6000), 5000)
    assert flows(town, 6000) == 2
    town.disconnect("red1")
    assert flows(town, 6000) == 0


@by_family
def test_publishing_what_is_published_leaves_its_flows(town: Town, version: int) -> None:
    port = PortMapping(5000, PortProtocol.UDP, 6000)
    town.publish("red1", port)
    asker(town, "outside", (HOST[version], 6000), 5000)
    town.publish("red1", port)
    assert flows(town, 6000) == 1
    town.people["host"].run("nft", "flush", "ruleset")
    town.publish("red1", port)
    assert flows(town, 6000) == 0


def test_the_flows_of_a_port_that_is_replaced_are_forgotten(town: Town) -> None:
    town.publish("red1", PortMapping(5000, PortProtocol.UDP, 6000))
    asker(town, "outside", (HOST[4], 6000), 5000)
    town.publish("red1", PortMapping(5000, PortProtocol.UDP, 6001))
    assert flows(town, 6000) == 0


@by_family
def test_flows_of_a_port_that_stays_while_others_change_are_left(town: Town, version: int) -> None:
    port = PortMapping(5000, PortProtocol.UDP, 6000)
    town.publish("red1", port)
    asker(town, "outside", (HOST[version], 6000), 5000)
    town.publish("red1", port, PortMapping(5001, PortProtocol.UDP, 6001))
    town.publish("red1", port, PortMapping(5002, PortProtocol.UDP, 6002))
    assert flows(town, 6000) == 1


def test_flows_to_the_same_port_of_others_are_left(town: Town) -> None:
    with town.listening("outside", 4, socket.SOCK_DGRAM, 5000) as far:
        town.speak("red1", b"question", 4, (town.address("outside", 4), 5000))
        assert far.recv(100) == b"question"
        assert flows(town, 5000) == 1
        town.publish("red2", PortMapping(5000, PortProtocol.UDP, 5000))
        town.disconnect("red2")
        assert flows(town, 5000) == 1
