"""What a sandbox sends with sources that are not its own, where no port holds it to its own."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from mynet.drivers.api import PortMapping, PortProtocol
from tests.drivers.linux.support.raw_packets import datagram, send_datagram, send_frame
from tests.drivers.linux.support.topology import (
    BRIDGE_SETTINGS,
    FILTERED,
    HOST,
    NETWORKS,
    OUTSIDE,
    Topology,
    by_family,
)

BOTH = (4, 6)
UNKNOWN: dict[int, str] = {4: "8.8.8.8", 6: "2001:4860::8"}
GATEWAY: dict[str, dict[int, str]] = {
    name: {subnet.cidr.version: str(subnet.gateway) for subnet in network.subnets}
    for name, network in NETWORKS.items()
}


@pytest.fixture(
    scope="module", params=["0", "1"] if FILTERED else [""], ids="br_netfilter={}".format
)
def topology(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Topology]:
    """A topology whose bridges refuse nothing, and where even inner1 has a default route."""
    made = Topology(tmp_path_factory.mktemp("topology"), {"spoof_check": "false"})
    host = made.namespaces["host"]
    for setting in BRIDGE_SETTINGS if request.param else ():
        host.set(setting, request.param)
    for version in BOTH:
        gateway = GATEWAY["inner"][version]
        route = ("route", "add", "default", "via", gateway)
        made.namespaces["inner1"].run("ip", f"-{version}", *route)
    yield made
    made.close()


@by_family
@pytest.mark.parametrize("box", ["red1", "plain1"])
def test_a_source_of_no_network_does_not_leave(topology: Topology, version: int, box: str) -> None:
    with topology.listening("outside", version, socket.SOCK_DGRAM) as listener:
        to = (OUTSIDE[version], listener.getsockname()[1])
        for source in (UNKNOWN[version], OUTSIDE[version], HOST[version]):
            send_datagram(topology.namespaces[box], (source, 7), to, b"forged")
        topology.speak(box, b"true", version, to)
        assert listener.recv(100) == b"true"


@by_family
def test_what_the_host_routes_to_a_sandbox_leaves_as_it_is(
    topology: Topology, version: int
) -> None:
    """A sandbox may be a router, of a prefix that has a route over it."""
    host, prefix = topology.namespaces["host"], {4: "192.0.2.0/24", 6: "2001:db8:9::/64"}[version]
    host.run("ip", "route", "add", prefix, "via", topology.address("red1", version))
    with topology.listening("outside", version, socket.SOCK_DGRAM) as listener:
        to = (OUTSIDE[version], listener.getsockname()[1])
        source = prefix.replace("0/24", "7").replace("/64", "7")
        send_datagram(topology.namespaces["red1"], (source, 7), to, b"routed")
        assert listener.recv(100) == b"routed"
    host.run("ip", "route", "del", prefix)


@by_family
@pytest.mark.parametrize("box", ["inner1", "blue1"])
def test_no_sandbox_speaks_in_a_standing_flow_of_another_network(
    topology: Topology, version: int, box: str
) -> None:
    """inner1 may send nothing out, in no flow; blue1 is not who red1 talks to."""
    with ExitStack() as stack:
        near, far = (
            stack.enter_context(topology.listening(name, version, socket.SOCK_DGRAM))
            for name in ("red1", "outside")
        )
        target = (OUTSIDE[version], far.getsockname()[1])
        near.sendto(b"hello", target)
        _, seen = far.recvfrom(100)
        far.sendto(b"hello", seen[:2])
        assert near.recv(100) == b"hello"
        source = (topology.address("red1", version), near.getsockname()[1])
        if box == "inner1":
            send_datagram(topology.namespaces[box], source, target, b"forged")
        send_datagram(topology.namespaces[box], target, (HOST[version], seen[1]), b"forged")
        far.sendto(b"true", seen[:2])
        assert near.recv(100) == b"true"
        near.sendto(b"true", target)
        assert far.recv(100) == b"true"


@by_family
@pytest.mark.parametrize("box", ["inner1", "blue1"])
def test_no_sandbox_answers_the_host_for_others(topology: Topology, version: int, box: str) -> None:
    with ExitStack() as stack:
        near, far = (
            stack.enter_context(topology.listening(name, version, socket.SOCK_DGRAM))
            for name in ("host", "outside")
        )
        source = (OUTSIDE[version], far.getsockname()[1])
        near.sendto(b"question", source)
        _, seen = far.recvfrom(100)
        for host in (HOST[version], GATEWAY[box[:-1]][version]):
            send_datagram(topology.namespaces[box], source, (host, seen[1]), b"forged")
        far.sendto(b"answer", seen[:2])
        assert near.recv(100) == b"answer"


@by_family
@pytest.mark.parametrize("box", ["red1", "inner1"])
def test_no_sandbox_is_taken_for_the_host(topology: Topology, version: int, box: str) -> None:
    """A published port of 127.0.0.1 makes the kernel accept 127.0.0.0/8 on the bridge."""
    published = PortMapping(53, PortProtocol.UDP, 8053, host_ip=None)
    topology.publish("red1", published)
    loopback = {4: "127.0.0.2", 6: "::1"}[version]
    gateway = GATEWAY[box[:-1]][version]
    with topology.listening("host", version, socket.SOCK_DGRAM) as listener:
        port = listener.getsockname()[1]
        for source in (loopback, HOST[version], gateway, GATEWAY["blue"][version]):
            for host in (gateway, HOST[version]):
                send_datagram(topology.namespaces[box], (source, 7), (host, port), b"forged")
        topology.speak(box, b"true", version, (gateway, port))
        assert listener.recv(100) == b"true"
    topology.reset("red1")


@by_family
def test_an_internal_network_cannot_speak_for_another(topology: Topology, version: int) -> None:
    gateway = GATEWAY["inner"][version]
    with topology.listening("host", version, socket.SOCK_DGRAM) as listener:
        to = (gateway, listener.getsockname()[1])
        source = (topology.address("red1", version), 7)
        send_datagram(topology.namespaces["inner1"], source, to, b"forged")
        topology.speak("inner1", b"true", version, to)
        assert listener.recv(100) == b"true"


@by_family
@pytest.mark.parametrize("mask", ["0", "65533"])
@pytest.mark.parametrize("mac", ["0180c200000e", "01005e000001", "ffffffffffff"])
def test_no_frame_to_a_group_leads_an_internal_network_to_the_host(
    topology: Topology, version: int, mask: str, mac: str
) -> None:
    """A frame to a link-local group that is not forwarded comes to the host by the port itself."""
    box, host = "inner1", topology.namespaces["host"]
    port = topology.endpoints[box].host_interface
    assert host.json("ip", "-j", "link", "show", "dev", port)[0]["group"] == str(0x6D79)
    host.run("ip", "link", "set", port, "type", "bridge_slave", "group_fwd_mask", mask)
    with topology.listening("host", version, socket.SOCK_DGRAM) as listener:
        number = listener.getsockname()[1]
        for source, to in (
            (topology.address(box, version), HOST[version]),
            (topology.address("red1", version), GATEWAY["inner"][version]),
            (HOST[version], GATEWAY["inner"][version]),
        ):
            payload = datagram((source, 7), (to, number), b"forged")
            link = topology.endpoints[box].interface
            send_frame(topology.namespaces[box], link, mac, payload)
        topology.speak(box, b"true", version, (GATEWAY["inner"][version], number))
        assert listener.recv(100) == b"true"


def test_dhcp_reaches_a_server_on_the_host(topology: Topology) -> None:
    """A client without an address yet sends from 0.0.0.0 to all."""
    discover = datagram(("0.0.0.0", 68), ("255.255.255.255", 67), b"discover")  # noqa: S104 - no socket's address
    with topology.listening("host", 4, socket.SOCK_DGRAM, 67) as listener:
        for box in ("red1", "inner1"):
            link = topology.endpoints[box].interface
            send_frame(topology.namespaces[box], link, "ff" * 6, discover)
            assert listener.recv(100) == b"discover"


@pytest.mark.parametrize("source", [HOST[4], GATEWAY["red"][4]])
def test_the_host_hears_what_it_sends_to_a_group(topology: Topology, source: str) -> None:
    """Its own packet comes back to it from the bridge, with the source of the host."""
    group, port = "224.0.0.251", 5353
    link = socket.inet_aton(GATEWAY["red"][4])
    with topology.listening("host", 4, socket.SOCK_DGRAM, port) as listener:
        listener.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + link
        )
        with topology.namespaces["host"].entered():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sock:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, link)
            sock.bind((source, 0))
            sock.sendto(b"announcement", (group, port))
        assert listener.recv(100) == b"announcement"
