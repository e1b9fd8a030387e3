"""Gateways outside their subnets, and subnets of two addresses without one."""

from collections.abc import Sequence

import pytest

from mynet.v1 import ipam_pb2, network_pb2
from tests.e2e.support.daemon import Daemon, connect, eventually, refusal
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed

# By name: a subnet, its gateway, and what the bridge gets.
OUTSIDE_THE_SUBNET = [
    pytest.param("10.88.0.0/24", "192.0.2.1", "192.0.2.1/32", id="IPv4"),
    pytest.param("10.88.0.0/24", "169.254.1.1", "169.254.1.1/32", id="IPv4 link-local"),
    pytest.param("fd88::/64", "fe80::1", "fe80::1/64", id="IPv6 link-local"),
    pytest.param("fd88::/64", "fd99::1", "fd99::1/128", id="IPv6"),
]


def make(daemon: Daemon, cidr: str, gateway: str, **fields: object) -> network_pb2.Network:
    subnet = ipam_pb2.Subnet(cidr=cidr, gateway=gateway)
    network = network_pb2.Network(name="blue", subnets=[subnet], **fields)  # type: ignore[arg-type]
    return daemon.net.CreateNetwork(network_pb2.CreateNetworkRequest(network=network)).network


def on_bridge(daemon: Daemon) -> Sequence[str]:
    """Return all addresses of the bridge, with link-local ones."""
    (shown,) = daemon.testbed.json("ip", "-j", "addr", "show", "dev", "br-blue")
    return [f"{address['local']}/{address['prefixlen']}" for address in shown["addr_info"]]


@pytest.mark.parametrize(("cidr", "gateway", "address"), OUTSIDE_THE_SUBNET)
def test_a_gateway_outside_its_subnet_leads_out(
    daemon: Daemon, one: Sandbox, two: Sandbox, cidr: str, gateway: str, address: str
) -> None:
    network = make(daemon, cidr, gateway)
    assert network.subnets[0].gateway == gateway
    assert address in on_bridge(daemon)
    first, second = daemon.connect("one"), daemon.connect("two")
    assert first.gateways == [gateway]
    own, other = (held.addresses[0].split("/")[0] for held in (first, second))
    assert daemon.allocations().keys() == {own, other}  # the gateway takes no address of it
    version = ":" in gateway
    family = "-6" if version else "-4"
    (default,) = one.json("ip", "-j", family, "route", "show", "default")
    assert (default["gateway"], default["dev"]) == (gateway, "eth0")
    assert talk(one, daemon.testbed.outside, OUTSIDE[version]) == HOST[version]
    assert talk(one, two, other) == own
    assert talk(daemon.testbed, one, own)  # the host has a route to the subnet
    assert daemon.problems(first) == []
    assert not daemon.net.Doctor(network_pb2.DoctorRequest()).findings


@pytest.mark.parametrize("cidr", ["10.88.0.4/31", "fd88::4/127"])
@pytest.mark.parametrize("mode", [{}, {"gateway_mode_ipv4": "isolated"}])
def test_a_point_to_point_subnet_of_an_internal_network_serves_two_endpoints(
    daemon: Daemon, one: Sandbox, two: Sandbox, cidr: str, mode: dict[str, str]
) -> None:
    network = daemon.create("blue", cidr, internal=True, options=mode)
    assert network.subnets[0].gateway == ""
    addresses = [daemon.connect(name).addresses[0] for name in ("one", "two")]
    first, second = (address.split("/")[0] for address in addresses)
    assert sorted(addresses) == [cidr, cidr.replace("4/", "5/")]
    assert talk(one, two, second) == first
    assert daemon.testbed.addresses("br-blue") == set()
    assert refusal(daemon.net.Connect, connect("three", netns_name="one")).reason == (
        "SUBNET_EXHAUSTED"
    )


@pytest.mark.parametrize("cidr", ["10.88.0.4/31", "fd88::4/127"])
def test_a_gateway_of_a_point_to_point_subnet_leaves_one_address_and_the_error_says_so(
    daemon: Daemon, one: Sandbox, two: Sandbox, cidr: str
) -> None:
    daemon.create("blue", cidr)
    assert daemon.connect("one").addresses == [cidr.replace("4/", "5/")]
    assert talk(one, daemon.testbed.outside, OUTSIDE[":" in cidr]) == HOST[":" in cidr]
    refused = refusal(daemon.net.Connect, connect("two"))
    assert refused.reason == "SUBNET_EXHAUSTED"
    assert f"the gateway of network blue has one of the 2 addresses of {cidr}" in refused.message
    assert "name a gateway outside it" in refused.message


@pytest.mark.parametrize(
    ("cidr", "gateway"), [("10.88.0.7/32", "169.254.1.1"), ("fd88::7/128", "fe80::1")]
)
def test_a_subnet_of_one_address_serves_one_endpoint_beside_a_gateway_outside(
    daemon: Daemon, one: Sandbox, cidr: str, gateway: str
) -> None:
    make(daemon, cidr, gateway)
    assert daemon.connect("one").addresses == [cidr]
    assert talk(one, daemon.testbed.outside, OUTSIDE[":" in cidr]) == HOST[":" in cidr]


@pytest.mark.parametrize(
    ("cidr", "gateway", "violation"),
    [
        ("10.88.0.7/32", "", "has one address, and a gateway needs a second"),
        ("10.88.0.0/24", "fe80::1", "fe80::1 is not of the IP version of 10.88.0.0/24"),
        (
            "10.88.0.0/24",
            "224.0.0.1",
            "224.0.0.1 cannot be a gateway: it is in 224.0.0.0/4",
        ),
        ("fd88::/64", "::1", "::1/128 (Loopback Address, RFC 4291)"),
    ],
)
def test_a_gateway_that_cannot_be_one_is_refused(
    daemon: Daemon, cidr: str, gateway: str, violation: str
) -> None:
    subnet = ipam_pb2.Subnet(cidr=cidr, gateway=gateway)
    network = network_pb2.Network(name="blue", subnets=[subnet])
    refused = refusal(daemon.net.CreateNetwork, network_pb2.CreateNetworkRequest(network=network))
    assert refused.code == "INVALID_ARGUMENT"
    assert violation in refused.message


def test_a_gateway_in_the_subnet_of_another_network_is_refused(daemon: Daemon) -> None:
    daemon.create("red", "10.77.0.0/24")
    subnet = ipam_pb2.Subnet(cidr="10.88.0.0/24", gateway="10.77.0.9")
    network = network_pb2.Network(name="blue", subnets=[subnet])
    refused = refusal(daemon.net.CreateNetwork, network_pb2.CreateNetworkRequest(network=network))
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "SUBNET_OVERLAP")
    assert "gateway 10.77.0.9 of 10.88.0.0/24 is an address of 10.77.0.0/24" in refused.message


@pytest.mark.parametrize(("cidr", "gateway", "address"), OUTSIDE_THE_SUBNET)
def test_a_gateway_outside_its_subnet_is_made_again(
    daemon: Daemon, one: Sandbox, cidr: str, gateway: str, address: str
) -> None:
    make(daemon, cidr, gateway)
    daemon.connect("one")
    daemon.testbed.run("ip", "address", "del", address, "dev", "br-blue")
    eventually(lambda: address in on_bridge(daemon))
    assert talk(one, daemon.testbed.outside, OUTSIDE[":" in gateway]) == HOST[":" in gateway]


@pytest.mark.parametrize(("cidr", "gateway", "address"), OUTSIDE_THE_SUBNET)
def test_the_route_to_a_subnet_whose_gateway_is_outside_is_made_again(
    daemon: Daemon, one: Sandbox, cidr: str, gateway: str, address: str
) -> None:
    make(daemon, cidr, gateway)
    own = daemon.connect("one").addresses[0].split("/")[0]
    family = "-6" if ":" in cidr else "-4"

    def has_route() -> bool:
        routes = daemon.testbed.json("ip", "-j", family, "route", "show", "dev", "br-blue")
        return cidr in {route["dst"] for route in routes}

    assert has_route()
    daemon.testbed.run("ip", family, "route", "del", cidr, "dev", "br-blue")
    eventually(has_route)
    assert talk(one, daemon.testbed.outside, OUTSIDE[":" in gateway]) == HOST[":" in gateway]
    assert talk(daemon.testbed, one, own)


@pytest.mark.parametrize(("cidr", "gateway", "address"), OUTSIDE_THE_SUBNET)
def test_a_port_is_published_beside_a_gateway_outside(
    testbed: Testbed, daemon: Daemon, one: Sandbox, cidr: str, gateway: str, address: str
) -> None:
    make(daemon, cidr, gateway)
    version = ":" in gateway
    request = connect("one", ports=[network_pb2.PortMapping(host_port=8080, container_port=80)])
    own = daemon.net.Connect(request).endpoint.addresses[0].split("/")[0]
    subnet = ipam_pb2.Subnet(cidr=cidr, gateway=gateway)
    again = network_pb2.CreateNetworkRequest(
        network=network_pb2.Network(name="blue", subnets=[subnet]), allow_existing=True
    )
    assert daemon.net.CreateNetwork(again).network.subnets[0].gateway == gateway
    with one.listen(own, 80) as listener:
        callers = [(testbed.outside, HOST[version])]
        callers += [] if version else [(testbed, "127.0.0.1")]
        for caller, host in callers:
            with caller.dial(host, 8080), listener.accept()[0]:
                pass
    assert not daemon.net.Doctor(network_pb2.DoctorRequest()).findings
