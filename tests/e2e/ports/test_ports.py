"""Published ports of the real daemon carry traffic, and end with their endpoint."""

import socket
from ipaddress import ip_network

import pytest

from mynet.v1.network_pb2 import PROTOCOL_UDP, Network, PortMapping
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.published_ports import (
    ADDRESSES,
    DNS,
    GATEWAYS,
    MANY,
    WEB,
    answered,
    by_family,
    elements,
    is_free,
    reached,
)
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox

BRIDGED = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")


@pytest.fixture(params=["0", "1"], ids="br_netfilter={}".format)
def filtered(request: pytest.FixtureRequest, daemon: Daemon) -> None:
    """With and without bridged frames passing the firewall; this kernel has to have it."""
    for setting in BRIDGED:
        daemon.testbed.run("sh", "-c", f"echo {request.param} >/proc/sys/net/bridge/{setting}")


@by_family
@pytest.mark.usefixtures("filtered")
def test_a_port_is_reached_from_everywhere(
    daemon: Daemon, blue: Network, one: Sandbox, two: Sandbox, family: int
) -> None:
    daemon.connect("one", ports=[WEB, DNS])
    daemon.create("red", "10.77.0.0/24", "fd77::/64")
    testbed, stranger = daemon.testbed, ("10.77.0.2", "fd77::2")[family]
    daemon.connect("two", network="red")
    gateway = GATEWAYS[family]
    for client, by, seen in (
        (testbed.outside, HOST[family], OUTSIDE[family]),
        (testbed, HOST[family], HOST[family]),
        (testbed, gateway, gateway),
        (two, HOST[family], stranger),
        (two, gateway, stranger),
        (one, HOST[family], gateway),
        (one, gateway, gateway),
    ):
        assert reached(client, one, (ADDRESSES[family], 80), (by, 8080)) == seen
        assert answered(client, one, (ADDRESSES[family], 53), (by, 5300)) == seen
    if family == 0:
        assert reached(testbed, one, (ADDRESSES[0], 80), ("127.0.0.1", 8080)) == gateway
        assert answered(testbed, one, (ADDRESSES[0], 53), ("127.0.0.1", 5300)) == gateway


@by_family
@pytest.mark.usefixtures("filtered", "blue")
def test_a_neighbour_reaches_it_by_the_host(
    daemon: Daemon, one: Sandbox, two: Sandbox, family: int
) -> None:
    daemon.connect("one", ports=[WEB])
    daemon.connect("two")
    for by in (HOST[family], GATEWAYS[family]):
        seen = reached(two, one, (ADDRESSES[family], 80), (by, 8080))
        assert seen == GATEWAYS[family]
    direct = reached(two, one, (ADDRESSES[family], 80), (ADDRESSES[family], 80))
    assert direct == ("10.88.0.3", "fd88::3")[family]


@by_family
@pytest.mark.usefixtures("filtered")
def test_whichever_subnet_of_the_network_they_are_in_neighbours_reach_it_by_the_host(
    daemon: Daemon, one: Sandbox, two: Sandbox, family: int
) -> None:
    """One is in both subnets, so it knows a way to two that does not lead back through the host."""
    subnets = (("10.1.0.0/24", "10.2.0.0/24"), ("fd01::/64", "fd02::/64"))[family]
    first, second = (str(ip_network(subnet)[10]) for subnet in subnets)
    gateways = [str(ip_network(subnet)[1]) for subnet in subnets]
    daemon.create("blue", *subnets)
    daemon.connect("one", addresses=[first, second], ports=[WEB, DNS])
    daemon.connect("two", addresses=[str(ip_network(subnets[1])[20])])
    for client in (one, two):
        for by in (HOST[family], *gateways):
            assert reached(client, one, (first, 80), (by, 8080)) == gateways[0]
            assert answered(client, one, (first, 53), (by, 5300)) == gateways[0]


@by_family
@pytest.mark.parametrize(
    "kind",
    [{"icc": "false"}, {"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}],
    ids=["icc=false", "routed"],
)
def test_it_is_reached_on_a_network_of_another_kind_too(
    daemon: Daemon, one: Sandbox, two: Sandbox, family: int, kind: dict[str, str]
) -> None:
    for setting in BRIDGED:
        daemon.testbed.run("sh", "-c", f"echo 0 >/proc/sys/net/bridge/{setting}")
    daemon.create("blue", options=kind)
    daemon.connect("one", ports=[WEB])
    daemon.connect("two")
    clients = {daemon.testbed.outside: OUTSIDE, daemon.testbed: HOST, two: GATEWAYS, one: GATEWAYS}
    for client, seen in clients.items():
        at, to = (ADDRESSES[family], 80), (HOST[family], 8080)
        assert reached(client, one, at, to) == seen[family]


@by_family
@pytest.mark.usefixtures("filtered", "blue")
def test_it_may_be_on_another_network_than_its_sandbox_leaves_by(
    daemon: Daemon, one: Sandbox, two: Sandbox, family: int
) -> None:
    daemon.create("red", "10.77.0.0/24", "fd77::/64")
    daemon.connect("one", network="red")
    daemon.connect("one", ports=[WEB, DNS])
    daemon.connect("two")
    for client, by, seen in (
        (daemon.testbed.outside, HOST[family], OUTSIDE[family]),
        (daemon.testbed, HOST[family], HOST[family]),
        (two, HOST[family], GATEWAYS[family]),
        (one, GATEWAYS[family], GATEWAYS[family]),
    ):
        assert reached(client, one, (ADDRESSES[family], 80), (by, 8080)) == seen
        assert answered(client, one, (ADDRESSES[family], 53), (by, 5300)) == seen


@pytest.mark.usefixtures("filtered", "blue")
def test_a_port_of_the_loopback_is_the_hosts_alone(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    daemon.connect(
        "one", ports=[PortMapping(host_ip="127.0.0.1", host_port=8081, container_port=80)]
    )
    daemon.connect("two")
    at = (ADDRESSES[0], 80)
    assert reached(daemon.testbed, one, at, ("127.0.0.1", 8081)) == GATEWAYS[0]
    with one.listen(*at) as listener:
        listener.settimeout(0)
        for client in (daemon.testbed.outside, one, two, daemon.testbed):
            for address in (HOST[0], GATEWAYS[0]):
                if client is daemon.testbed.outside and address == GATEWAYS[0]:
                    continue  # it knows no way there
                with pytest.raises(ConnectionRefusedError):
                    client.dial(address, 8081)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.usefixtures("blue", "one")
def test_connections_over_the_loopback_of_ipv6_are_refused_at_once(daemon: Daemon) -> None:
    udp = PortMapping(protocol=PROTOCOL_UDP, host_port=9000, container_port=9000, count=101)
    daemon.connect("one", ports=[WEB, DNS, MANY, udp])
    for port in (8080, 9100):
        with pytest.raises(ConnectionRefusedError):
            daemon.testbed.dial("::1", port)
    with daemon.testbed.inside(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as sock:
        for port in (5300, 9100):
            with pytest.raises(PermissionError):
                sock.sendto(b"question", ("::1", port))
        sock.sendto(b"question", ("::1", 5301))  # a port that is not published, for comparison


@pytest.mark.usefixtures("blue")
def test_a_range_is_one_element_a_family(daemon: Daemon, one: Sandbox) -> None:
    before = elements(daemon.testbed)
    daemon.connect("one", ports=[MANY])
    assert elements(daemon.testbed) - before == 2
    for port in (9000, 9100):
        seen = reached(daemon.testbed.outside, one, (ADDRESSES[0], port), (HOST[0], port))
        assert seen == OUTSIDE[0]


@pytest.mark.usefixtures("blue", "one", "two")
def test_ports_end_with_their_endpoint(daemon: Daemon) -> None:
    before = daemon.everything()
    daemon.connect("one", ports=[WEB, DNS, MANY])
    assert not is_free(daemon.testbed, 8080)
    assert not is_free(daemon.testbed, 5300, socket.SOCK_DGRAM)
    assert not is_free(daemon.testbed, 9100)
    daemon.disconnect("one")
    assert is_free(daemon.testbed, 8080)
    assert is_free(daemon.testbed, 5300, socket.SOCK_DGRAM)
    assert is_free(daemon.testbed, 9100)
    assert daemon.everything() == before
    daemon.connect("two", ports=[WEB, DNS, MANY])
