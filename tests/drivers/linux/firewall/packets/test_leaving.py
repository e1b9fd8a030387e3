"""The source ports of packets that leave the host, as the peers outside see them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from mynet.drivers.api import PortMapping, PortProtocol
from tests.drivers.linux.support.namespaces import forget_all_flows
from tests.drivers.linux.support.topology import HOST, OUTSIDE, Topology, by_family

UDP = PortProtocol.UDP


@pytest.fixture
def topology(unfiltered: Topology) -> Iterator[Topology]:
    """The shared topology; a flow of an earlier test would lend its source port to a new one."""
    forget_all_flows(unfiltered.namespaces["host"])
    yield unfiltered
    unfiltered.unpublish_all()


@contextmanager
def peers(topology: Topology, version: int) -> Iterator[list[socket.socket]]:
    """Open sockets outside, which a NAT might give different mappings."""
    with (
        topology.listening("outside", version, socket.SOCK_DGRAM) as a,
        topology.listening("outside", version, socket.SOCK_DGRAM) as b,
        topology.listening("outside", version, socket.SOCK_DGRAM) as c,
    ):
        yield [a, b, c]


def seen(sock: socket.socket, others: list[socket.socket], version: int) -> set[tuple[str, int]]:
    """Send a datagram to each; return the sources that they see."""
    sources = set()
    for other in others:
        sock.sendto(b"word", (OUTSIDE[version], other.getsockname()[1]))
        word, source = other.recvfrom(100)
        assert word == b"word"
        sources.add((source[0], source[1]))
    return sources


@by_family
def test_a_free_port_is_kept_towards_every_destination(topology: Topology, version: int) -> None:
    """RFC 4787, REQ-1 and REQ-3."""
    with (
        peers(topology, version) as others,
        topology.listening("red1", version, socket.SOCK_DGRAM) as sock,
    ):
        assert seen(sock, others, version) == {(HOST[version], sock.getsockname()[1])}


@by_family
def test_a_port_that_is_not_free_is_the_same_towards_every_destination(
    topology: Topology, version: int
) -> None:
    with (
        peers(topology, version) as others,
        topology.listening("red1", version, socket.SOCK_DGRAM, 5000) as first,
        topology.listening("red2", version, socket.SOCK_DGRAM, 5000) as second,
    ):
        assert seen(first, others, version) == {(HOST[version], 5000)}
        ((_, port),) = seen(second, others, version)
        assert port != 5000


def published(port: int, host_port: int, count: int = 1) -> PortMapping:
    return PortMapping(port, UDP, host_port, count=count)


@by_family
@pytest.mark.parametrize(
    ("mapping", "port", "host_port"),
    [
        (published(5060, 5060), 5060, 5060),
        (published(5060, 6060), 5060, 6060),
        (published(62000, 62000), 62000, 62000),
        (published(7000, 7000, count=10), 7005, 7005),
        (published(7000, 8000, count=10), 7005, 8005),
    ],
    ids=["the same", "another", "high", "range", "range of others"],
)
def test_a_published_port_is_the_source_of_its_own_packets(
    topology: Topology, version: int, mapping: PortMapping, port: int, host_port: int
) -> None:
    topology.publish("red1", mapping)
    with (
        peers(topology, version) as others,
        topology.listening("red1", version, socket.SOCK_DGRAM, port) as sock,
        topology.listening("blue1", version, socket.SOCK_DGRAM, host_port) as stranger,
    ):
        # The stranger comes first, and would have the port.
        ((_, other),) = seen(stranger, others, version)
        assert other != host_port
        assert seen(sock, others, version) == {(HOST[version], host_port)}
        others[0].sendto(b"call", (HOST[version], host_port))
        assert sock.recv(100) == b"call"


@by_family
def test_a_port_at_one_address_leaves_by_that_address(topology: Topology, version: int) -> None:
    second = {4: "203.0.113.77", 6: "2001:db8::77"}[version]
    host = topology.namespaces["host"]
    (link,) = host.json("ip", "-j", "route", "get", OUTSIDE[version])
    options = ("nodad",) if version == 6 else ()
    length = {4: 24, 6: 64}[version]
    host.run("ip", "addr", "add", f"{second}/{length}", "dev", link["dev"], *options)
    ports = [
        PortMapping(5060, UDP, 6060, host_ip=ip_address(second)),
        PortMapping(7000, UDP, 7000, count=10, host_ip=ip_address(second)),
    ]
    topology.publish("red1", *ports)
    for port, host_port in ((5060, 6060), (7005, 7005)):
        with (
            peers(topology, version) as others,
            topology.listening("red1", version, socket.SOCK_DGRAM, port) as sock,
        ):
            assert seen(sock, others, version) == {(second, host_port)}
    topology.reset("red1")
    host.run("ip", "addr", "del", f"{second}/{length}", "dev", link["dev"])


@by_family
def test_flows_follow_a_port_when_it_is_published_and_when_it_no_longer_is(
    topology: Topology, version: int
) -> None:
    """A flow that stands when its port is published has the source that it had before."""
    topology.reset("red1")
    with (
        peers(topology, version) as others,
        topology.listening("red1", version, socket.SOCK_DGRAM, 5060) as sock,
        topology.listening("blue1", version, socket.SOCK_DGRAM, 6060) as stranger,
        topology.listening("red2", version, socket.SOCK_DGRAM, 5060) as heir,
    ):
        assert seen(stranger, others, version) == {(HOST[version], 6060)}
        assert seen(sock, others, version) == {(HOST[version], 5060)}
        topology.publish("red1", published(5060, 6060))
        assert seen(sock, others, version) == {(HOST[version], 6060)}
        ((_, port),) = seen(stranger, others, version)
        assert port != 6060
        topology.reset("red1")
        topology.publish("red2", published(5060, 6060))
        others[0].sendto(b"call", (HOST[version], 6060))
        assert heir.recv(100) == b"call"
        assert seen(heir, others, version) == {(HOST[version], 6060)}
