"""The usable addresses of a subnet, by the RFCs."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mynet.ipam.api import IPAddress, Subnet
from mynet.ipam.bitmap.ranges import UsableRange, packed, unpacked
from mynet.ipam.errors import AddressOutOfRange, AddressReserved

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


@pytest.mark.parametrize(
    ("subnet", "first", "last", "capacity"),
    [
        ("0.0.0.0/0", "0.0.0.1", "255.255.255.254", 2**32 - 2),
        ("10.0.0.0/8", "10.0.0.1", "10.255.255.254", 2**24 - 2),
        ("10.1.0.0/24", "10.1.0.1", "10.1.0.254", 254),
        ("10.1.0.8/29", "10.1.0.9", "10.1.0.14", 6),
        ("10.1.0.8/30", "10.1.0.9", "10.1.0.10", 2),
        ("10.1.0.8/31", "10.1.0.8", "10.1.0.9", 2),
        ("10.1.0.8/32", "10.1.0.8", "10.1.0.8", 1),
        ("::/0", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2**128 - 1),
        ("fd00:1::/64", "fd00:1::1", "fd00:1::ffff:ffff:ffff:ffff", 2**64 - 1),
        ("fd00:1::8/125", "fd00:1::9", "fd00:1::f", 7),
        ("fd00:1::8/126", "fd00:1::9", "fd00:1::b", 3),
        ("fd00:1::8/127", "fd00:1::8", "fd00:1::9", 2),
        ("fd00:1::8/128", "fd00:1::8", "fd00:1::8", 1),
    ],
)
def test_a_range_is_bounded_by_the_usable_addresses(
    subnet: str, first: str, last: str, capacity: int
) -> None:
    pool = UsableRange.of(Subnet(ip_network(subnet)))
    assert str(pool.address(pool.first)) == first
    assert str(pool.address(pool.last)) == last
    assert pool.capacity == capacity
    assert pool.position(ip_address(first)) == pool.first
    assert pool.position(ip_address(last)) == pool.last


@pytest.mark.parametrize(
    ("subnet", "address", "role"),
    [
        ("10.1.0.0/24", "10.1.0.0", "network"),
        ("10.1.0.0/24", "10.1.0.255", "broadcast"),
        ("10.1.0.8/30", "10.1.0.8", "network"),
        ("10.1.0.8/30", "10.1.0.11", "broadcast"),
        ("fd00:1::/64", "fd00:1::", "subnet-router anycast"),
        ("fd00:1::8/126", "fd00:1::8", "subnet-router anycast"),
    ],
)
def test_a_reserved_address_is_refused_with_its_role(subnet: str, address: str, role: str) -> None:
    with pytest.raises(AddressReserved, match=f"{address} is the {role} address") as caught:
        UsableRange.of(Subnet(ip_network(subnet))).position(ip_address(address))
    assert caught.value.resource == f"address {address}"


@pytest.mark.parametrize(
    ("subnet", "address"),
    [
        ("10.1.0.0/24", "10.0.255.255"),
        ("10.1.0.0/24", "10.1.1.0"),
        ("10.1.0.0/24", "::10.1.0.7"),
        ("::/0", "10.1.0.7"),
        ("0.0.0.0/0", "::1"),
        ("fd00:1::8/128", "fd00:1::9"),
    ],
)
def test_an_address_outside_is_refused_with_those_inside(subnet: str, address: str) -> None:
    pool = UsableRange.of(Subnet(ip_network(subnet)))
    with pytest.raises(AddressOutOfRange) as caught:
        pool.position(ip_address(address))
    assert f"from {pool.address(pool.first)} to {pool.address(pool.last)}" in str(caught.value)


@given(addresses)
def test_a_packed_address_unpacks(address: IPAddress) -> None:
    network = ip_network(address)
    assert len(packed(address)) == 16
    assert unpacked(network, packed(address)) == address


@given(addresses, addresses)
def test_packed_addresses_sort_as_numbers(one: IPAddress, other: IPAddress) -> None:
    assert (packed(one) < packed(other)) == (int(one) < int(other))
