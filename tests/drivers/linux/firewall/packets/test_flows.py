"""Which endpoints reach which, on a real kernel: by pings, TCP connections and datagrams."""

import socket
from contextlib import ExitStack

import pytest

from tests.drivers.linux.support import multicast
from tests.drivers.linux.support.topology import FAMILIES, NETWORKS, Topology, by_family, network_of

VERSIONS = (4, 6)


def gateway_of(box: str, version: int) -> str:
    subnets = network_of(box).subnets
    return next(str(subnet.gateway) for subnet in subnets if subnet.cidr.version == version)


@by_family
def test_neighbours_reach_each_other(topology: Topology, version: int) -> None:
    for client, server in (("red1", "red2"), ("red2", "red1"), ("inner1", "inner2")):
        assert topology.namespaces[client].pings(topology.address(server, version))
        assert topology.caller_seen(server, client, version) == topology.address(client, version)
        assert topology.hears(server, client, version)


@by_family
@pytest.mark.parametrize("box", ["red1", "inner1", "plain1"])
def test_the_host_is_on_every_network(topology: Topology, version: int, box: str) -> None:
    gateway = NETWORKS[box[:-1]].subnets[VERSIONS.index(version)].gateway
    assert topology.namespaces[box].pings(str(gateway))
    assert topology.caller_seen(box, "host", version) == str(gateway)


@by_family
@pytest.mark.parametrize(
    ("listener", "speaker"),
    [
        ("blue1", "red1"),
        ("red1", "blue1"),
        ("plain1", "red1"),
        ("red1", "plain1"),
        ("inner1", "red1"),
        ("red1", "inner1"),
    ],
)
def test_two_networks_do_not_reach_each_other(
    topology: Topology, version: int, listener: str, speaker: str
) -> None:
    assert not topology.hears(listener, speaker, version)


@by_family
def test_packets_leave_with_the_hosts_address(topology: Topology, version: int) -> None:
    assert topology.namespaces["red1"].pings(topology.address("outside", version))
    for box in ("red1", "blue1"):
        assert topology.caller_seen("outside", box, version) == topology.address("host", version)


@by_family
@pytest.mark.parametrize("box", ["red1", "plain1"])
def test_errors_from_outside_reach_the_endpoint(topology: Topology, version: int, box: str) -> None:
    assert topology.is_told_that_the_port_is_closed(box, "outside", version)


@by_family
def test_without_masquerade_packets_leave_with_their_own_address(
    topology: Topology, version: int
) -> None:
    assert topology.caller_seen("outside", "plain1", version) == topology.address("plain1", version)


@by_family
@pytest.mark.parametrize("box", ["red1", "plain1", "inner1"])
def test_the_outside_cannot_open_connections_to_endpoints(
    topology: Topology, version: int, box: str
) -> None:
    assert not topology.hears(box, "outside", version)


@by_family
def test_an_internal_network_reaches_nothing_outside(topology: Topology, version: int) -> None:
    assert not topology.hears("outside", "inner1", version)


@by_family
def test_an_endpoint_of_an_internal_network_resolves_the_host(
    topology: Topology, version: int
) -> None:
    """An unknown MAC address is asked for by broadcast or by multicast."""
    topology.namespaces["inner1"].run("ip", f"-{version}", "neigh", "flush", "dev", "check1")
    assert topology.namespaces["inner1"].pings(gateway_of("inner1", version))


def test_a_broadcast_on_an_internal_network_reaches_the_host(topology: Topology) -> None:
    with topology.listening("host", 4, socket.SOCK_DGRAM) as listener:
        with topology.namespaces["inner1"].entered():
            speaker = socket.socket(type=socket.SOCK_DGRAM)
        with speaker:
            speaker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            broadcast = str(network_of("inner1").subnets[0].cidr.broadcast_address)
            speaker.sendto(b"question", (broadcast, listener.getsockname()[1]))
        assert listener.recv(100) == b"question"


@by_family
def test_an_internal_network_answers_the_host_at_any_address(
    topology: Topology, version: int
) -> None:
    """Also at an address that is not on the network, if the sandbox has a route to it."""
    inner, own = topology.namespaces["inner1"], topology.address("host", version)
    way = (own, "via", gateway_of("inner1", version))
    inner.run("ip", "route", "add", *way)
    with topology.listening("inner1", version, socket.SOCK_DGRAM) as listener:
        with topology.namespaces["host"].entered():
            asker = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
        with asker:
            asker.settimeout(5)
            asker.bind((own, 0))
            to = topology.address("inner1", version), listener.getsockname()[1]
            asker.sendto(b"question", to)
            _, back = listener.recvfrom(100)
            assert back[0] == own
            listener.sendto(b"answer", back)
            assert asker.recv(100) == b"answer"
    inner.run("ip", "route", "del", *way)


@by_family
def test_nat_of_another_program_does_not_lead_into_an_internal_network(
    topology: Topology, version: int
) -> None:
    host, family = topology.namespaces["host"], {4: "ip", 6: "ip6"}[version]
    ports = {"inner1": 5001, "red1": 5002}
    rules = "".join(
        f"udp dport {port} dnat to {topology.address(box, version)}\n"
        for box, port in ports.items()
    )
    chain = f"chain pre {{\n type nat hook prerouting priority -101;\n {rules}}}\n"
    host.run("nft", f"table {family} theirs {{\n{chain}}}")
    for box, port in ports.items():
        with topology.listening(box, version, socket.SOCK_DGRAM, port) as listener:
            topology.speak(
                "outside", b"a stranger", version, (topology.address("host", version), port)
            )
            topology.speak("host", b"a witness", version, (topology.address(box, version), port))
            first = b"a witness" if box == "inner1" else b"a stranger"
            assert listener.recv(100) == first
    host.run("nft", f"delete table {family} theirs")


@by_family
def test_the_outside_still_reaches_the_host(topology: Topology, version: int) -> None:
    assert topology.caller_seen("host", "outside", version) == topology.address("outside", version)


@by_family
def test_packets_to_a_multicast_group_keep_their_source(topology: Topology, version: int) -> None:
    """Receivers of a group distinguish senders by their addresses."""
    source, group = topology.address("red1", version), multicast.GROUP[version]
    with ExitStack() as stack:
        with topology.namespaces["outside"].entered():
            listener = stack.enter_context(socket.socket(FAMILIES[version], socket.SOCK_DGRAM))
            listener.settimeout(5)
            listener.bind(("", 5000))
            multicast.join(listener, "out0")
        with topology.namespaces["host"].entered():
            stack.enter_context(multicast.routed(source, network_of("red1").interface, "up0"))
        with topology.namespaces["red1"].entered():
            speaker = stack.enter_context(socket.socket(FAMILIES[version], socket.SOCK_DGRAM))
            multicast.set_hops(speaker)
        speaker.sendto(b"to all of you", (group, 5000))
        word, (address, *_) = listener.recvfrom(100)
        assert (word, address) == (b"to all of you", source)
