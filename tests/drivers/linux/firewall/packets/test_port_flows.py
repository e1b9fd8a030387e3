"""Published ports on a real kernel: which clients reach them, and what address is seen."""

import socket
from contextlib import ExitStack
from ipaddress import ip_address

import pytest

from mynet.drivers.api import PortMapping, PortProtocol
from tests.drivers.linux.support.topology import (
    FAMILIES,
    HOST,
    NETWORKS,
    Topology,
    by_family,
)
from tests.drivers.linux.support.wire import answer_to_init

UDP, SCTP = PortProtocol.UDP, PortProtocol.SCTP
LOOPBACK = ip_address("127.0.0.1")
PORTS = (
    PortMapping(80, host_port=8080),
    PortMapping(53, UDP, 8053),
    PortMapping(90, SCTP, 8090),
    PortMapping(9000, host_port=9000, count=10),
    PortMapping(9000, UDP, 9000, count=10),
    PortMapping(9000, SCTP, 9000, count=10),
    PortMapping(7000, host_port=7100, count=3),
    PortMapping(80, host_port=8081, host_ip=LOOPBACK),
    PortMapping(53, UDP, 8081, host_ip=LOOPBACK),
    PortMapping(6000, host_port=6000, count=5, host_ip=LOOPBACK),
    *(
        PortMapping(port, host_port=first, count=count, host_ip=ip_address(address))
        for address in (HOST[4], HOST[6])
        for port, first, count in ((80, 8082, 1), (6100, 6100, 5))
    ),
)
BOTH = (4, 6)
GATEWAY: dict[str, dict[int, str]] = {
    name: {subnet.cidr.version: str(subnet.gateway) for subnet in network.subnets}
    for name, network in NETWORKS.items()
}


@pytest.fixture(scope="module")
def topology(topology: Topology) -> Topology:
    """The topology, with published ports of the box red1."""
    topology.publish("red1", *PORTS)
    return topology


def caller(
    topology: Topology, client: str, to: tuple[str, int], port: int, box: str = "red1"
) -> str:
    """Connect by TCP, exchange data, and return the client's address as the box sees it."""
    version = ip_address(to[0]).version
    with ExitStack() as stack:
        listener = stack.enter_context(topology.listening(box, version, socket.SOCK_STREAM, port))
        listener.listen()
        with topology.namespaces[client].entered():
            ours = stack.enter_context(socket.socket(listener.family))
        ours.settimeout(5)
        ours.connect(to)
        theirs, (address, *_) = listener.accept()
        stack.enter_context(theirs)
        theirs.settimeout(5)
        ours.sendall(b"question")
        assert theirs.recv(100) == b"question"
        theirs.sendall(b"answer")
        assert ours.recv(100) == b"answer"
        return str(address)


def asker(
    topology: Topology, client: str, to: tuple[str, int], port: int, box: str = "red1"
) -> str:
    """Exchange UDP datagrams, and return the client's address as the box sees it.

    The answer must come from the address that was asked.
    """
    version = ip_address(to[0]).version
    with topology.listening(box, version, socket.SOCK_DGRAM, port) as listener:
        with topology.namespaces[client].entered():
            ours = socket.socket(listener.family, socket.SOCK_DGRAM)
        with ours:
            ours.settimeout(5)
            ours.connect(to)
            ours.send(b"question")
            said, (address, *rest) = listener.recvfrom(100)
            assert said == b"question"
            listener.sendto(b"answer", (address, *rest))
            assert ours.recv(100) == b"answer"
            return str(address)


def is_refused(topology: Topology, client: str, to: tuple[str, int]) -> bool:
    """Return whether a connection is refused at once, without a timeout."""
    with topology.namespaces[client].entered():
        sock = socket.socket(FAMILIES[ip_address(to[0]).version])
    with sock:
        sock.settimeout(5)
        try:
            sock.connect(to)
        except ConnectionRefusedError:
            return True
        return False


# The client, the address of the host by IP version, and the address that the box sees.
WAYS: dict[str, tuple[str, dict[int, str], str | dict[int, str]]] = {
    "from outside, by the host's address": ("outside", HOST, "outside"),
    "from the host, by its own address": ("host", HOST, "host"),
    "from the host, by the network's gateway": ("host", GATEWAY["red"], GATEWAY["red"]),
    "from the host, by another network's gateway": ("host", GATEWAY["blue"], GATEWAY["blue"]),
    "from a neighbour, by the host's address": ("red2", HOST, GATEWAY["red"]),
    "from a neighbour, by the gateway": ("red2", GATEWAY["red"], GATEWAY["red"]),
    "from another network, by the host's address": ("blue1", HOST, "blue1"),
    "from another network, by its gateway": ("blue1", GATEWAY["blue"], "blue1"),
    "from another network, by the other gateway": ("blue1", GATEWAY["red"], "blue1"),
    "from one without masquerade": ("plain1", HOST, "plain1"),
    "from the box itself, by the host's address": ("red1", HOST, GATEWAY["red"]),
    "from the box itself, by the gateway": ("red1", GATEWAY["red"], GATEWAY["red"]),
}


@by_family
@pytest.mark.parametrize("way", WAYS)
def test_a_published_port_is_reached_over_tcp(topology: Topology, version: int, way: str) -> None:
    client, by, seen = WAYS[way]
    expected = topology.address(seen, version) if isinstance(seen, str) else seen[version]
    assert caller(topology, client, (by[version], 8080), 80) == expected


@by_family
@pytest.mark.parametrize("way", WAYS)
def test_a_published_port_is_reached_over_udp(topology: Topology, version: int, way: str) -> None:
    client, by, seen = WAYS[way]
    expected = topology.address(seen, version) if isinstance(seen, str) else seen[version]
    assert asker(topology, client, (by[version], 8053), 53) == expected


@pytest.mark.parametrize("port", [8080, 8081])
def test_the_host_reaches_a_port_by_the_loopback(topology: Topology, port: int) -> None:
    assert caller(topology, "host", ("127.0.0.1", port), 80) == GATEWAY["red"][4]


@pytest.mark.parametrize("port", [8053, 8081])
def test_the_host_reaches_a_port_by_the_loopback_over_udp(topology: Topology, port: int) -> None:
    assert asker(topology, "host", ("127.0.0.1", port), 53) == GATEWAY["red"][4]


@by_family
@pytest.mark.parametrize("port", [9000, 9005, 9009])
def test_a_range_keeps_its_numbers(topology: Topology, version: int, port: int) -> None:
    outside = topology.address("outside", version)
    assert caller(topology, "outside", (HOST[version], port), port) == outside
    assert asker(topology, "outside", (HOST[version], port), port) == outside


@by_family
@pytest.mark.parametrize("number", range(3))
def test_a_range_may_lead_to_other_numbers(topology: Topology, version: int, number: int) -> None:
    seen = caller(topology, "outside", (HOST[version], 7100 + number), 7000 + number)
    assert seen == topology.address("outside", version)


@pytest.mark.parametrize("port", [6000, 6004])
def test_a_range_may_be_published_at_one_address(topology: Topology, port: int) -> None:
    assert caller(topology, "host", ("127.0.0.1", port), port) == GATEWAY["red"][4]
    assert is_refused(topology, "host", (HOST[4], port))
    assert is_refused(topology, "outside", (HOST[4], port))


@by_family
@pytest.mark.parametrize("client", ["outside", "host", "red1", "red2", "blue1"])
def test_a_port_of_one_address_is_at_no_other(
    topology: Topology, version: int, client: str
) -> None:
    for port, of_box in ((8082, 80), (6104, 6104)):
        caller(topology, client, (HOST[version], port), of_box)
        assert is_refused(topology, client, (GATEWAY["red"][version], port))


@by_family
@pytest.mark.parametrize("port", [8999, 9010, 7099, 7103, 8079])
def test_ports_next_to_a_range_are_not_published(
    topology: Topology, version: int, port: int
) -> None:
    assert is_refused(topology, "outside", (HOST[version], port))


@pytest.mark.parametrize("client", ["outside", "red1", "red2", "blue1"])
@pytest.mark.parametrize("address", ["host", "red"])
def test_a_port_of_the_loopback_is_closed_to_other_hosts(
    topology: Topology, client: str, address: str
) -> None:
    to = HOST[4] if address == "host" else GATEWAY["red"][4]
    assert is_refused(topology, client, (to, 8081))


@pytest.mark.parametrize("port", [8080, 9000])
def test_connections_over_the_loopback_of_ipv6_are_refused_at_once(
    topology: Topology, port: int
) -> None:
    assert is_refused(topology, "host", ("::1", port))


@by_family
@pytest.mark.parametrize(("port", "of_box"), [(8090, 90), (9009, 9009)])
def test_sctp_is_redirected_to_the_box(
    topology: Topology, version: int, port: int, of_box: int
) -> None:
    """This kernel may have no SCTP, so the test looks for a raw INIT chunk in the box."""
    seen = answer_to_init(topology, "outside", (HOST[version], port), "red1")
    assert seen == (topology.address("outside", version), of_box)


@by_family
def test_an_internal_network_reaches_no_published_port(topology: Topology, version: int) -> None:
    to = GATEWAY["inner"][version], 8053
    with topology.listening("red1", version, socket.SOCK_DGRAM, 53) as listener:
        topology.speak("inner1", b"a stranger", version, to)
        topology.speak("outside", b"a witness", version, (HOST[version], 8053))
        assert listener.recv(100) == b"a witness"


def route_loopback_out(topology: Topology, name: str, device: str, via: str) -> None:
    """Send packets to 127.0.0.1 of a namespace out by a device, and count them."""
    namespace = topology.namespaces[name]
    namespace.set(f"ipv4/conf/{device}/route_localnet", "1")
    namespace.run("ip", "route", "replace", "127.0.0.0/8", "via", via)
    for local in ("127.0.0.0/8", "127.0.0.1"):
        namespace.run("ip", "route", "del", "local", local, "table", "local", check=False)
    leaving = f'oifname "{device}" ip daddr 127.0.0.0/8 counter'
    chain = f"chain out {{\n type filter hook postrouting priority 300;\n {leaving}\n}}\n"
    namespace.run("nft", f"table ip witness {{\n{chain}}}")


def loopback_packets_sent(topology: Topology, name: str) -> int:
    """Return the number of packets to 127.0.0.1 that have left a namespace."""
    listing = topology.namespaces[name].json("nft", "-j", "list", "chain", "ip", "witness", "out")
    (rule,) = (entry["rule"] for entry in listing["nftables"] if "rule" in entry)
    (count,) = (
        expression["counter"]["packets"] for expression in rule["expr"] if "counter" in expression
    )
    return int(count)


def test_no_neighbour_reaches_a_port_of_the_loopback_through_the_uplink(topology: Topology) -> None:
    route_loopback_out(topology, "outside", "out0", HOST[4])
    with topology.listening("red1", 4, socket.SOCK_DGRAM, 53) as listener:
        topology.speak("outside", b"a stranger", 4, ("127.0.0.1", 8081))
        assert loopback_packets_sent(topology, "outside") == 1
        topology.speak("host", b"a witness", 4, ("127.0.0.1", 8081))
        assert listener.recv(100) == b"a witness"


def test_no_box_reaches_what_listens_on_the_hosts_loopback(topology: Topology) -> None:
    route_loopback_out(topology, "red2", "check2", GATEWAY["red"][4])
    with topology.namespaces["host"].entered():
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with listener:
        listener.settimeout(5)
        listener.bind(("127.0.0.1", 0))
        topology.speak("red2", b"a stranger", 4, listener.getsockname())
        assert loopback_packets_sent(topology, "red2") == 1
        topology.speak("host", b"a witness", 4, listener.getsockname())
        assert listener.recv(100) == b"a witness"
