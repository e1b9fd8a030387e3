"""Any text in any field gives an answer, or an error that names the field and what to write."""

from collections.abc import Callable, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.refusals import Refusal, unpacked
from tests.server.support.world import World

# Texts that look like what a field takes, with something wrong, and any others.
ODD = [
    *("", " ", "-", "--help", "-x", ".", "..", "/", "../etc", "a/b", "a\\b", "a b", "a;b", "$(x)"),
    *("a\x00b", "a\nb", "a\x1b[31m", "\u202eabc", "\ufeffabc", "\u0085", "e\u0301", "\U0001f427"),
    *("0", "-1", "1_0", "+1", "\u0661", "\uff11", "9" * 400, "1e3", "0x10", "NaN", "None"),
    *("10.1.0.1", "010.001.000.001", "10.1", "167837697", "0x0a010001", "10.1.0.1 ", "10.1.0.256"),
    *("\uff11\uff10.1.0.1", "\u0661\u0660.1.0.1", "10.1.0.1\n", "localhost", "example.org"),
    *("10.1.0.7/24", "10.1.0.0/24/", "10.1.0.0/024", "10.1.0.0/\u0662\u0664", "10.1.0.0/255.0.0.0"),
    *(
        "10.1.0.0/-1",
        "10.1.0.0/33",
        "10.1.0.9-10.1.0.2",
        "10.1.0.2-fd00::1",
        "10.1.0.2-",
        "-10.1.0.2",
    ),
    *("FD00:1::A", "fd00:1::/64", "fe80::1%eth0", "fd00:1::1%1", "[fd00:1::1]", "::ffff:10.1.0.1"),
    *("::1", "::", "0.0.0.0/0", "255.255.255.255", "224.0.0.1", "127.0.0.1", "1::2::3", ":::"),
    *("02:42:0a:01:00:07", "02-42-0A-01-00-07", "0242.0a01.0007", "ff:ff:ff:ff:ff:ff"),
    *(
        "endpoint:x",
        "network:",
        "bridge",
        "bitmap",
        "torn",
        "all",
        "default",
        "br%d",
        "eth0",
        "web",
    ),
    *("a" * 15, "a" * 16, "a" * 63, "a" * 64, "a" * 255, "a" * 256, "ü" * 255, "a" * 5000),
]


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


TEXTS = st.sampled_from(ODD) | st.text(max_size=20).filter(_is_utf8)
NETWORK = {"name": "n", "subnets": [{"cidr": "10.77.0.0/24"}]}
NINE = "10.99.0.0/24"
CONNECT = {"network": "web", "container_id": "c9"}
# By the path that an error names: the method, a sound request, and where the text goes in it.
FIELDS: Mapping[str, tuple[str, Callable[[str], Message]]] = {
    "network.name": ("CreateNetwork", lambda text: _network(name=text)),
    "network.driver": ("CreateNetwork", lambda text: _network(driver=text)),
    "network.ipam": ("CreateNetwork", lambda text: _network(ipam=text)),
    "network.interface": ("CreateNetwork", lambda text: _network(interface=text)),
    "network.subnets[0].cidr": ("CreateNetwork", lambda text: _network(subnets=[{"cidr": text}])),
    "network.subnets[0].gateway": (
        "CreateNetwork",
        lambda text: _network(subnets=[{"cidr": "10.77.0.0/24", "gateway": text}]),
    ),
    "network.subnets[0].range": (
        "CreateNetwork",
        lambda text: _network(subnets=[{"cidr": "10.77.0.0/24", "range": text}]),
    ),
    "network.subnets[0].reserved[0]": (
        "CreateNetwork",
        lambda text: _network(subnets=[{"cidr": "10.77.0.0/24", "reserved": [text]}]),
    ),
    "network.options": ("CreateNetwork", lambda text: _network(options={text: "1"})),
    "network.labels": ("CreateNetwork", lambda text: _network(labels={text: text})),
    "network": ("Connect", lambda text: _connect(network=text)),
    "container_id": ("Connect", lambda text: _connect(container_id=text)),
    "interface": ("Connect", lambda text: _connect(interface=text)),
    "addresses[0]": ("Connect", lambda text: _connect(addresses=[text])),
    "mac_address": ("Connect", lambda text: _connect(mac_address=text)),
    "address_owner": ("Connect", lambda text: _connect(address_owner=text)),
    "netns_name": ("Connect", lambda text: _connect(netns_name=text)),
    "netns_path": ("Connect", lambda text: _connect(netns_path=text)),
    "options": ("Connect", lambda text: _connect(options={text: "1"})),
    "labels": ("Connect", lambda text: _connect(labels={text: text})),
    "ports[0].host_ip": (
        "Connect",
        lambda text: _connect(ports=[{"container_port": 80, "host_ip": text}]),
    ),
    "subnet.cidr": ("CreateSubnet", lambda text: _subnet(cidr=text)),
    "subnet.range": ("CreateSubnet", lambda text: _subnet(cidr=NINE, range=text)),
    "subnet.reserved[0]": (
        "CreateSubnet",
        lambda text: _subnet(cidr=NINE, reserved=[text]),
    ),
    "backend": (
        "CreateSubnet",
        lambda text: ipam_pb2.CreateSubnetRequest(
            subnet=ipam_pb2.Subnet(cidr="10.99.0.0/24"), backend=text
        ),
    ),
    "subnet": ("AllocateAddress", lambda text: ipam_pb2.AllocateAddressRequest(subnet=text)),
    "address": ("AllocateAddress", lambda text: _allocate(address=text)),
    "owner": ("AllocateAddress", lambda text: _allocate(owner=text)),
    "sticky_key": ("AllocateAddress", lambda text: _allocate(sticky_key=text)),
    "endpoint": ("GetEndpoint", lambda text: network_pb2.GetEndpointRequest(endpoint=text)),
    "path": ("Backup", lambda text: network_pb2.BackupRequest(path=text)),
}
NOT_OF_THE_REQUEST = {"INTERNAL", "UNKNOWN", "CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE"}


def _network(**fields: Any) -> Message:
    return network_pb2.CreateNetworkRequest(network=network_pb2.Network(**{**NETWORK, **fields}))


def _connect(**fields: Any) -> Message:
    return network_pb2.ConnectRequest(**{**CONNECT, **fields})


def _subnet(**fields: Any) -> Message:
    return ipam_pb2.CreateSubnetRequest(subnet=ipam_pb2.Subnet(**fields))


def _allocate(**fields: Any) -> Message:
    return ipam_pb2.AllocateAddressRequest(subnet="10.98.0.0/24", **fields)


def refused(world: World, method: str, request: Message) -> Refusal | None:
    service = world.net if hasattr(world.net, method) else world.ipam
    try:
        getattr(service, method)(request, timeout=20.0)
    except grpc.RpcError as error:
        return unpacked(error)
    return None


def clean(world: World) -> None:
    """Remove what requests that succeeded have made."""
    for network in world.net.ListNetworks(network_pb2.ListNetworksRequest()).networks:
        if network.name != "web":
            request = network_pb2.DeleteNetworkRequest(network=network.id, force=True)
            world.net.DeleteNetwork(request)
    for endpoint in world.net.ListEndpoints(network_pb2.ListEndpointsRequest()).endpoints:
        if endpoint.container_id != "c1":
            world.net.Disconnect(network_pb2.DisconnectRequest(endpoint=endpoint.id))
    for subnet in world.ipam.ListSubnets(ipam_pb2.ListSubnetsRequest()).subnets:
        for held in world.ipam.ListAllocations(
            ipam_pb2.ListAllocationsRequest(subnet=subnet.cidr)
        ).allocations:
            if not held.owner.startswith(("network:", "endpoint:")):
                world.release(held.subnet, held.address)
        if not subnet.network and subnet.cidr in {
            kept.cidr for kept in world.ipam.ListSubnets(ipam_pb2.ListSubnetsRequest()).subnets
        }:
            world.ipam.DeleteSubnet(ipam_pb2.DeleteSubnetRequest(subnet=subnet.cidr))


@pytest.mark.parametrize("field", FIELDS)
def test_any_text_is_accepted_or_refused_with_the_field(furnished_world: World, field: str) -> None:
    method, request_of = FIELDS[field]

    @given(TEXTS)
    def check(text: str) -> None:
        refusal = refused(furnished_world, method, request_of(text))
        if refusal is None:
            clean(furnished_world)
            return
        assert refusal.code not in NOT_OF_THE_REQUEST, (text, refusal.message)
        assert len(refusal.message) > 10, (text, refusal.message)
        assert refusal.message.isprintable(), (text, refusal.message)
        if refusal.reason == "INVALID_ARGUMENT":
            assert any(fault.startswith(field) for fault in refusal.faults), (text, refusal.faults)
            for fault in refusal.details["BadRequest"].field_violations:
                assert len(fault.description) > 8, (text, fault.description)

    check()
