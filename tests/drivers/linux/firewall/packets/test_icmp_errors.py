"""ICMP errors that a sandbox forges: what the host and other networks believe of them."""

import socket
import struct

import pytest

from tests.drivers.linux.support.raw_packets import datagram, packet, send_icmp_error
from tests.drivers.linux.support.topology import HOST, NETWORKS, OUTSIDE, Topology, by_family

GATEWAY: dict[str, dict[int, str]] = {
    name: {subnet.cidr.version: str(subnet.gateway) for subnet in network.subnets}
    for name, network in NETWORKS.items()
}
# Type and code of "fragmentation needed" and "packet too big", and of "port unreachable".
TOO_BIG, UNREACHABLE = {4: (3, 4), 6: (2, 0)}, {4: (3, 3), 6: (1, 4)}
SMALL = {4: 68, 6: 1280}  # bytes: the least MTU that the kernel takes
ECHO_REPLY = {4: (socket.IPPROTO_ICMP, 0), 6: (socket.IPPROTO_ICMPV6, 129)}


def host_s_route(topology: Topology, to: str) -> str:
    return topology.namespaces["host"].run("ip", "route", "get", to)


@by_family
@pytest.mark.parametrize("box", ["red1", "plain1", "inner1"])
def test_the_host_believes_no_mtu_of_a_path_that_it_did_not_ask(
    topology: Topology, version: int, box: str
) -> None:
    """The packet that was too big is an echo reply, which the host would send without a socket."""
    gateway, own = GATEWAY[box[:-1]][version], topology.address(box, version)
    protocol, kind = ECHO_REPLY[version]
    for victim in (OUTSIDE[version], topology.address("blue1", version)):
        reply = packet(gateway, victim, protocol, struct.pack("!BBHHH", kind, 0, 0, 7, 7))
        error = (TOO_BIG[version], reply, SMALL[version])
        send_icmp_error(topology.namespaces[box], own, gateway, *error)
        with topology.listening("host", version, socket.SOCK_DGRAM) as witness:
            topology.speak(box, b"a witness", version, (gateway, witness.getsockname()[1]))
            assert witness.recv(100) == b"a witness"
        assert "mtu" not in host_s_route(topology, victim)


@by_family
@pytest.mark.parametrize("what", ["unreachable", "too big"])
@pytest.mark.parametrize("box", ["blue1", "inner1"])
@pytest.mark.parametrize("victim", ["red1", "host"])
def test_no_error_about_a_flow_of_others_is_believed(
    topology: Topology, version: int, what: str, box: str, victim: str
) -> None:
    kind, mtu = {"unreachable": (UNREACHABLE, 0), "too big": (TOO_BIG, SMALL[version])}[what]
    with (
        topology.listening(victim, version, socket.SOCK_DGRAM) as near,
        topology.listening("outside", version, socket.SOCK_DGRAM) as far,
    ):
        target = (OUTSIDE[version], far.getsockname()[1])
        near.connect(target)
        near.send(b"hello")
        _, seen = far.recvfrom(100)
        about = datagram((HOST[version], seen[1]), target, b"hello")
        own = topology.address(box, version)
        send_icmp_error(topology.namespaces[box], own, HOST[version], kind[version], about, mtu)
        with topology.listening("host", version, socket.SOCK_DGRAM) as witness:
            to = (GATEWAY[box[:-1]][version], witness.getsockname()[1])
            topology.speak(box, b"a witness", version, to)
            assert witness.recv(100) == b"a witness"
        far.sendto(b"true", seen[:2])
        assert near.recv(100) == b"true"
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        assert "mtu" not in host_s_route(topology, OUTSIDE[version])
        assert "mtu" not in topology.namespaces[victim].run("ip", "route", "get", target[0])


@by_family
def test_the_errors_of_an_endpoint_about_its_own_flows_arrive(
    topology: Topology, version: int
) -> None:
    """From a sandbox to the host, from outside to a sandbox, and from the host to a sandbox."""
    assert topology.is_told_that_the_port_is_closed("host", "red1", version)
    assert topology.is_told_that_the_port_is_closed("red1", "outside", version)
    assert topology.is_told_that_the_port_is_closed("red1", "host", version)
