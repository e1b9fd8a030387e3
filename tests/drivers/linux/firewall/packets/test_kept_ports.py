"""A sandbox sends from no port of the host's own programs, and from no published one of others.

Otherwise a sandbox that sends from such a port to a peer gets what the peer sends to the program
(port shadowing, CVE-2021-3773).
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from mynet.drivers.api import DriverContext, PortMapping, PortProtocol
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import SampleCall
from tests.drivers.linux.support.namespaces import forget_all_flows
from tests.drivers.linux.support.topology import (
    FAMILIES,
    HOST,
    NETWORKS,
    OUTSIDE,
    Topology,
    by_family,
)

UDP = PortProtocol.UDP
KINDS = {"UDP": socket.SOCK_DGRAM, "TCP": socket.SOCK_STREAM}
PORT = 51820


@pytest.fixture
def topology(unfiltered: Topology) -> Iterator[Topology]:
    forget_all_flows(unfiltered.namespaces["host"])
    survey(unfiltered)
    yield unfiltered
    unfiltered.unpublish_all()


def survey(topology: Topology) -> None:
    """Do what the daemon does every few seconds."""
    with topology.namespaces["host"].entered():
        topology.driver.survey(SampleCall(), list(NETWORKS.values()))


@contextmanager
def program(
    topology: Topology, address: str = "", kind: int = socket.SOCK_DGRAM, port: int = PORT
) -> Iterator[socket.socket]:
    """Run a program of the host that receives at a port; "" is all addresses of both versions."""
    with topology.namespaces["host"].entered():
        if address:
            made = socket.socket(FAMILIES[ip_address(address).version], kind)
        else:
            made = socket.socket(socket.AF_INET6, kind)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    with made:
        made.settimeout(5)
        made.bind((address, port))
        if kind == socket.SOCK_STREAM:
            made.listen()
        yield made


def seen_port(topology: Topology, box: str, version: int, port: int) -> int:
    """Return the source port that a peer sees of a datagram from a port of a sandbox."""
    with (
        topology.listening("outside", version, socket.SOCK_DGRAM) as peer,
        topology.listening(box, version, socket.SOCK_DGRAM, port) as sock,
    ):
        sock.sendto(b"word", (OUTSIDE[version], peer.getsockname()[1]))
        return int(peer.recvfrom(100)[1][1])


@by_family
def test_a_peer_that_a_sandbox_has_spoken_to_still_reaches_the_hosts_program(
    topology: Topology, version: int
) -> None:
    with (
        program(topology) as ours,
        topology.listening("outside", version, socket.SOCK_DGRAM, PORT) as peer,
        topology.listening("red1", version, socket.SOCK_DGRAM, PORT) as thief,
    ):
        survey(topology)
        thief.sendto(b"hole", (OUTSIDE[version], PORT))
        word, source = peer.recvfrom(100)
        assert (word, source[0]) == (b"hole", HOST[version])
        assert source[1] in range(32768, 49152)
        peer.sendto(b"for the host", (HOST[version], PORT))
        assert ours.recv(100) == b"for the host"
        peer.sendto(b"for the sandbox", source[:2])
        assert thief.recv(100) == b"for the sandbox"


@by_family
def test_a_flow_by_the_port_ends_when_a_program_begins_to_receive_there(
    topology: Topology, version: int
) -> None:
    with (
        topology.listening("outside", version, socket.SOCK_DGRAM, PORT) as peer,
        topology.listening("red1", version, socket.SOCK_DGRAM, PORT) as thief,
        topology.listening("red1", version, socket.SOCK_DGRAM, 52000) as honest,
    ):
        for sock in (thief, honest):
            sock.sendto(b"hole", (OUTSIDE[version], PORT))
            source = peer.recvfrom(100)[1][:2]
            assert source == (HOST[version], sock.getsockname()[1])
            peer.sendto(b"known", source)
            assert sock.recv(100) == b"known"
        with program(topology) as ours:
            survey(topology)
            survey(topology)
            peer.sendto(b"for the host", (HOST[version], PORT))
            assert ours.recv(100) == b"for the host"
            thief.sendto(b"again", (OUTSIDE[version], PORT))
            assert peer.recvfrom(100)[1][1] != PORT
            honest.sendto(b"again", (OUTSIDE[version], PORT))
            assert peer.recvfrom(100)[1][1] == 52000


@by_family
def test_a_flow_goes_on_beside_a_program_that_ran_for_a_moment(
    topology: Topology, version: int
) -> None:
    with (
        topology.listening("outside", version, socket.SOCK_DGRAM) as peer,
        topology.listening("red1", version, socket.SOCK_DGRAM, PORT) as sock,
    ):
        to = (OUTSIDE[version], peer.getsockname()[1])
        sock.sendto(b"word", to)
        source = peer.recvfrom(100)[1][:2]
        peer.sendto(b"known", source)
        assert sock.recv(100) == b"known"
        with program(topology):
            survey(topology)
        survey(topology)
        sock.sendto(b"word", to)
        assert peer.recvfrom(100)[1][:2] == source


@by_family
def test_a_port_is_free_again_when_the_program_has_ended(topology: Topology, version: int) -> None:
    with program(topology):
        survey(topology)
        assert seen_port(topology, "red1", version, PORT) != PORT
    survey(topology)
    forget_all_flows(topology.namespaces["host"])
    assert seen_port(topology, "red1", version, PORT) == PORT


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("0.0.0.0", {4}),  # noqa: S104 - a server of all addresses is what is meant
        (HOST[4], {4}),
        (HOST[6], {6}),
        (f"::ffff:{HOST[4]}", {4}),
        ("::ffff:127.0.0.1", set()),
        ("127.0.0.1", set()),
        ("::1", set()),
    ],
)
def test_a_program_keeps_the_port_of_the_versions_that_it_receives(
    topology: Topology, address: str, kept: set[int]
) -> None:
    with program(topology, address):
        survey(topology)
        moved = {v for v in (4, 6) if seen_port(topology, "red1", v, PORT) != PORT}
        assert moved == kept


@by_family
def test_a_server_of_tcp_keeps_its_port_and_that_of_udp_is_free(
    topology: Topology, version: int
) -> None:
    with program(topology, kind=socket.SOCK_STREAM):
        survey(topology)
        assert seen_port(topology, "red1", version, PORT) == PORT
        with ExitStack() as stack:
            listener = stack.enter_context(
                topology.listening("outside", version, socket.SOCK_STREAM)
            )
            listener.listen()
            client = stack.enter_context(
                topology.listening("red1", version, socket.SOCK_STREAM, PORT)
            )
            client.connect((OUTSIDE[version], listener.getsockname()[1]))
            accepted, source = listener.accept()
            accepted.close()
        assert source[1] != PORT


@by_family
def test_a_program_that_runs_before_the_daemon_keeps_its_port(
    topology: Topology, version: int, tmp_path: Path
) -> None:
    with program(topology), topology.namespaces["host"].entered():
        daemon = BridgeDriver(DriverContext("topology", tmp_path), LinuxKernel())
        daemon.restore(SampleCall(), topology.networks())
        daemon.close()
        assert seen_port(topology, "red1", version, PORT) != PORT
        topology.driver.restore(SampleCall(), topology.networks())


@by_family
def test_a_low_port_stays_low_and_is_never_one_of_a_well_known_service(
    topology: Topology, version: int
) -> None:
    assert seen_port(topology, "red1", version, 123) in range(512, 1024)
    assert seen_port(topology, "red1", version, 700) == 700  # as of a client of NFS


@by_family
def test_no_flow_gets_a_kept_port_by_chance(
    topology: Topology, version: int, tmp_path: Path
) -> None:
    """Two sandboxes want port 5000 towards one peer, and one gets another that is free.

    Here programs of the host have all others.
    """
    ports = ", ".join(f"udp . {port}" for port in range(1024, 65536) if port != 5000)
    commands = tmp_path / "commands.nft"
    commands.write_text(f"add element inet mynet programs{version} {{ {ports} }}\n")
    host = topology.namespaces["host"]
    host.run("nft", "-f", str(commands))
    with (
        topology.listening("outside", version, socket.SOCK_DGRAM) as peer,
        topology.listening("red1", version, socket.SOCK_DGRAM, 5000) as first,
        topology.listening("red2", version, socket.SOCK_DGRAM, 5000) as second,
    ):
        to = (OUTSIDE[version], peer.getsockname()[1])
        first.sendto(b"first", to)
        assert peer.recvfrom(100)[1][1] == 5000
        for _ in range(20):
            second.sendto(b"second", to)
        first.sendto(b"the last", to)
        assert peer.recv(100) == b"the last"
    host.run("nft", "flush", "set", "inet", "mynet", f"programs{version}")


@by_family
def test_a_port_that_is_published_at_one_address_is_kept_until_the_last_has_left(
    topology: Topology, version: int
) -> None:
    second = {4: "203.0.113.77", 6: "2001:db8::77"}[version]
    host = topology.namespaces["host"]
    (link,) = host.json("ip", "-j", "route", "get", OUTSIDE[version])
    options = ("nodad",) if version == 6 else ()
    length = {4: 24, 6: 64}[version]
    host.run("ip", "addr", "add", f"{second}/{length}", "dev", link["dev"], *options)
    for count, port in ((1, 6060), (10, 6065)):
        first = [PortMapping(6060, UDP, 6060, host_ip=ip_address(HOST[version]), count=count)]
        other = [PortMapping(6060, UDP, 6060, host_ip=ip_address(second), count=count)]
        topology.publish("red1", *first)
        topology.publish("red2", *other)
        assert seen_port(topology, "blue1", version, port) != port
        assert seen_port(topology, "red1", version, port) == port
        topology.reset("red1")
        assert seen_port(topology, "blue1", version, port) != port
        topology.reset("red2")
        forget_all_flows(host)
        assert seen_port(topology, "blue1", version, port) == port
    host.run("ip", "addr", "del", f"{second}/{length}", "dev", link["dev"])
