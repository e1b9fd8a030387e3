"""Records as the core makes them, for tests of what keeps them."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_interface, ip_network

from mynet.drivers.api import Sandbox
from mynet.server.model.endpoints import AddressSpec, Endpoint, EndpointSpec, EndpointState, Place
from mynet.server.model.networks import Network, NetworkSpec, NetworkState, Subnet
from mynet.server.model.subnets import SubnetCandidates, SubnetSpec
from mynet.server.store import Store

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def network(number: int = 1, **fields: object) -> Network:
    cidr = ip_network(f"10.{number}.0.0/24")
    spec = NetworkSpec(
        name=f"n{number}",
        driver="bridge",
        ipam="bitmap",
        subnets=(SubnetSpec(cidr, ip_address(f"10.{number}.0.1")),),
        options={"icc": "true"},
        labels={"team": "röt"},
    )
    made = Network(
        id=f"{number:064x}",
        spec=spec,
        subnets=(Subnet(cidr, None, spec.subnets[0]),),
        interface=f"br-n{number}",
        mtu=1500,
        state=NetworkState.CREATING,
        create_time=NOW,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def endpoint(of: Network, number: int = 1, **fields: object) -> Endpoint:
    spec = EndpointSpec(
        container_id=f"c{number}",
        addresses=(AddressSpec(ip_address("10.1.0.9"), 24), AddressSpec(ip_address("fd00::9"))),
        labels={"a": "b"},
    )
    made = Endpoint(
        id=f"{number + 2**200:064x}",
        network_id=of.id,
        network=of.name,
        spec=spec,
        interface="eth0",
        host_interface=f"veth{number}",
        mtu=1500,
        route_metric=100,
        state=EndpointState.READY,
        create_time=NOW,
        place=Place(Sandbox("/run/netns/c1", 2**64 - 1), 4711),
        boot_id="boot",
        taken=(ip_address("10.1.0.9"),),
        addresses=(ip_interface("10.1.0.9/24"), ip_interface("fd00::9/64")),
        gateways=(ip_address("10.1.0.1"),),
        mac_address="02:00:00:00:00:01",
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def add(store: Store, network: Network, *cidrs: str) -> Network:
    """Record a network, on the subnets that it specs for unless others are named."""
    named = tuple(SubnetSpec(ip_network(cidr)) for cidr in cidrs)
    return store.networks.add(network, named or network.spec.subnets, SubnetCandidates(()))
