"""Subnets in special-purpose blocks are refused by name, or need a word of the caller."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from mynet.server.model import special_purpose
from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.refusals import Refusal, refusal
from tests.server.support.requests import allocate, create, create_subnet
from tests.server.support.world import World

REFUSED = [
    ("::ffff:10.20.0.0/112", "::ffff:0:0/96 (IPv4-mapped Address, RFC 4291)"),
    ("::ffff:0:0/96", "::ffff:0:0/96 (IPv4-mapped Address, RFC 4291)"),
    ("::10.0.0.0/104", "::/96 (IPv4-Compatible Address, RFC 4291)"),
    ("64:ff9b::/96", "64:ff9b::/96 (IPv4-IPv6 Translat., RFC 6052)"),
    ("64:ff9b::a01:0/112", "64:ff9b::/96 (IPv4-IPv6 Translat., RFC 6052)"),
    ("240.0.0.0/4", "240.0.0.0/4 (Reserved, RFC 1112)"),
    ("255.255.255.0/24", "240.0.0.0/4 (Reserved, RFC 1112)"),
    ("0.0.0.0/8", '0.0.0.0/8 ("This network", RFC 791)'),
    ("0.1.0.0/16", '0.0.0.0/8 ("This network", RFC 791)'),
    ("127.0.0.0/8", "127.0.0.0/8 (Loopback, RFC 1122)"),
    ("127.5.0.0/16", "127.0.0.0/8 (Loopback, RFC 1122)"),
    ("224.0.0.0/4", "224.0.0.0/4 (Multicast, RFC 5771)"),
    ("239.1.0.0/16", "224.0.0.0/4 (Multicast, RFC 5771)"),
    ("ff05::/64", "ff00::/8 (Multicast, RFC 4291)"),
    ("fe80::/64", "fe80::/10 (Link-Local Unicast, RFC 4291)"),
    ("100::/64", "100::/64 (Discard-Only Address Block, RFC 6666)"),
    ("2001:0:1::/48", "2001::/32 (TEREDO, RFC 4380)"),
    ("2001:20::/32", "2001:20::/28 (ORCHIDv2, RFC 7343)"),
    ("5f00::/64", "5f00::/16 (Segment Routing (SRv6) SIDs, RFC 9602)"),
]
SPECIAL = [
    ("169.254.0.0/16", "169.254.0.0/16 (Link Local, RFC 3927)"),
    ("169.254.169.0/24", "169.254.0.0/16 (Link Local, RFC 3927)"),
    ("192.0.0.0/24", "192.0.0.0/24 (IETF Protocol Assignments, RFC 6890)"),
    ("192.88.99.0/24", "192.88.99.0/24 (Deprecated (6to4 Relay Anycast), RFC 7526)"),
    ("64:ff9b:1:2::/64", "64:ff9b:1::/48 (IPv4-IPv6 Translat., RFC 8215)"),
    ("2002:a01::/48", "2002::/16 (6to4, RFC 3056)"),
    ("fec0::/64", "fec0::/10 (Site-Local Unicast, RFC 3879)"),
]
ORDINARY = [
    *("10.1.0.0/24", "172.16.0.0/16", "192.168.5.0/24", "fd00:1::/64", "100.64.0.0/16"),
    *("198.18.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/64"),
    *("8.8.8.0/24", "2600::/64", "10.0.0.0/8", "fc00::/7"),
]
TOO_LARGE = ["2000::/3", "fc00::/6", "192.0.0.0/7", "0.0.0.0/0", "::/0", "126.0.0.0/7"]


def of_network(world: World, cidr: str) -> Refusal:
    return refusal(world.net.CreateNetwork, create("new", cidr))


def of_subnet(world: World, cidr: str) -> Refusal:
    return refusal(world.ipam.CreateSubnet, create_subnet(cidr))


def of_allocation(world: World, cidr: str) -> Refusal:
    return refusal(world.ipam.AllocateAddress, allocate(cidr))


def of_batch(world: World, cidr: str) -> Refusal:
    request = ipam_pb2.BatchAllocateAddressesRequest(subnet=cidr, count=2)
    return refusal(world.ipam.BatchAllocateAddresses, request)


ASKERS = [of_network, of_subnet, of_allocation, of_batch]


@pytest.mark.parametrize(("cidr", "name"), [*REFUSED, *SPECIAL])
def test_a_subnet_of_a_special_purpose_block_is_refused_by_the_name_of_the_block(
    world: World, cidr: str, name: str
) -> None:
    for ask in ASKERS:
        if (ask, cidr) == (
            of_subnet,
            "0.0.0.0/8",
        ):  # any subnet of this size
            continue
        refused = ask(world, cidr)
        assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
        assert name in refused.message
    assert not world.net.ListNetworks(network_pb2.ListNetworksRequest()).networks
    assert not world.ipam.ListSubnets(ipam_pb2.ListSubnetsRequest()).subnets


@pytest.mark.parametrize(("cidr", "name"), SPECIAL)
def test_a_caller_who_means_it_may_use_a_block_that_has_addresses_of_hosts(
    world: World, cidr: str, name: str
) -> None:
    for ask in ASKERS:
        assert "allow_special_purpose" in ask(world, cidr).message
    request = create("new", cidr)
    request.allow_special_purpose = True
    network = world.net.CreateNetwork(request).network
    assert network.subnets[0].cidr == cidr
    world.net.DeleteNetwork(network_pb2.DeleteNetworkRequest(network="new"))
    subnet = create_subnet(cidr)
    subnet.allow_special_purpose = True
    assert world.ipam.CreateSubnet(subnet).subnet.cidr == cidr
    allocated = world.ipam.AllocateAddress(allocate(cidr)).allocation.address
    assert ip_address(allocated) in ip_network(cidr)


@pytest.mark.parametrize(("cidr", "name"), REFUSED)
def test_no_word_opens_a_block_that_has_no_addresses_of_hosts(
    world: World, cidr: str, name: str
) -> None:
    request = create("new", cidr)
    request.allow_special_purpose = True
    assert name in refusal(world.net.CreateNetwork, request).message
    subnet = create_subnet(cidr)
    subnet.allow_special_purpose = True
    if cidr != "0.0.0.0/8":
        assert name in refusal(world.ipam.CreateSubnet, subnet).message


@pytest.mark.parametrize("cidr", ORDINARY)
def test_any_other_subnet_may_be_a_networks(cidr: str) -> None:
    network = ip_network(cidr)
    assert not special_purpose.why_unusable_by_networks(network)
    assert not special_purpose.why_special_for_networks(network)
    assert not special_purpose.why_unusable(network)


@pytest.mark.parametrize("cidr", TOO_LARGE)
def test_a_subnet_that_would_take_other_networks_from_the_host_is_no_networks(
    world: World, cidr: str
) -> None:
    refused = of_network(world, cidr)
    assert refused.faults == ["network.subnets[0].cidr"]
    assert "it is larger than" in refused.message or "it contains" in refused.message
    assert not special_purpose.why_unusable(ip_network(cidr))  # callers may keep a plan of it


def test_the_page_on_ipam_lists_every_block() -> None:
    page = (Path(__file__).parents[4] / "docs" / "ipam.md").read_text()
    listed = {
        (row[0], row[1], row[2])
        for row in re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    }
    blocks = (*special_purpose.UNUSABLE, *special_purpose.SPECIAL)
    assert {(str(block.cidr), block.name, block.rfc) for block in blocks} <= listed
