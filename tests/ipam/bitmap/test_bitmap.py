"""The properties of the bitmap backend beyond the contract: order, memory and storage."""

import tracemalloc
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

import pytest

from mynet.ipam.api import IPNetwork, Subnet
from mynet.ipam.bitmap import allocation_table
from mynet.ipam.errors import AllocationNotFound, SubnetExhausted
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.audit import count

IPV4 = IPv4Network("10.1.0.0/29")
IPV6 = IPv6Network("fd00:1::/125")
families = pytest.mark.parametrize("subnet", [IPV4, IPV6], ids=["IPv4", "IPv6"])


def taken(bench: Bench, subnet: IPNetwork, times: int) -> list[int]:
    """Take addresses; return their positions in the subnet."""
    first = int(subnet[0])
    return [int(bench.allocate(subnet).address) - first for _ in range(times)]


@families
def test_addresses_are_allocated_in_order(bench: Bench, subnet: IPNetwork) -> None:
    bench.open(subnet)
    assert taken(bench, subnet, 6) == [1, 2, 3, 4, 5, 6]


@families
def test_a_search_continues_behind_the_last_address_after_a_restart(
    bench: Bench, subnet: IPNetwork
) -> None:
    bench.open(subnet)
    taken(bench, subnet, 3)
    bench.release(subnet, subnet[1])
    bench.restart()
    assert taken(bench, subnet, 1) == [4]


@families
def test_a_search_wraps_to_the_first_address(
    bench: Bench, subnet: IPNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocation_table, "MOST_RELEASED", 0)
    bench.open(subnet)
    taken(bench, subnet, 4)
    for position in (3, 1):
        bench.release(subnet, subnet[position])
    last = 6 if subnet.version == 4 else 7
    assert taken(bench, subnet, last - 2) == [*range(5, last + 1), 1, 3]
    with pytest.raises(SubnetExhausted):
        bench.allocate(subnet)


def test_an_address_allocated_by_name_does_not_move_the_search(bench: Bench) -> None:
    bench.open(IPV4)
    bench.allocate(IPV4, address=IPV4[4])
    assert taken(bench, IPV4, 3) == [1, 2, 3]


@families
def test_the_release_queue_is_bounded_and_its_oldest_addresses_become_free(
    bench: Bench, subnet: IPNetwork, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(allocation_table, "MOST_RELEASED", 2)
    bench.open(subnet)
    taken(bench, subnet, 5)
    for position in (4, 2, 5, 1):
        bench.release(subnet, subnet[position])
    assert count(tmp_path, "resting") == 2
    last = 6 if subnet.version == 4 else 7
    assert taken(bench, subnet, last - 1) == [*range(6, last + 1), 2, 4, 5, 1]


def test_an_address_may_be_transferred_to_an_empty_owner(bench: Bench) -> None:
    bench.open(IPV4)
    held = bench.allocate(IPV4, "a")
    bench.allocate(IPV4, address=held.address, take_from="a")
    assert [allocation.owner for allocation in bench.allocations()] == [""]


def test_a_network_address_cannot_be_released(bench: Bench) -> None:
    bench.open(IPV4)
    with pytest.raises(AllocationNotFound):
        bench.release(IPV4, IPV4.network_address)


def test_an_ipv4_address_is_not_the_ipv6_address_of_that_number(bench: Bench) -> None:
    low = ip_network("::10.1.0.0/112")
    bench.open(IPV4)
    bench.open(low)
    bench.allocate(IPV4, "four", address=ip_address("10.1.0.3"))
    bench.allocate(low, "six", address=ip_address("::10.1.0.3"))
    assert [
        allocation.owner for allocation in bench.allocations(address=ip_address("10.1.0.3"))
    ] == ["four"]
    assert [
        allocation.owner for allocation in bench.allocations(address=ip_address("::10.1.0.3"))
    ] == ["six"]
    assert bench.allocations(low, address=ip_address("10.1.0.3")) == []


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "0.0.0.0/0", "fd00:1::/64", "::/0"])
def test_memory_and_pages_follow_the_addresses_in_use(
    cidr: str, bench: Bench, tmp_path: Path
) -> None:
    subnet = ip_network(cidr)
    tracemalloc.start()
    try:
        bench.open(subnet)
        for address in (subnet[1], subnet[-2]):
            bench.allocate(subnet, address=address)
        bench.allocate(subnet)
        bench.restart()
        bench.allocate(subnet)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 2**20
    assert count(tmp_path, "pages") == 2


@families
def test_a_page_without_used_addresses_is_deleted(
    bench: Bench, subnet: IPNetwork, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(allocation_table, "MOST_RELEASED", 0)
    bench.open(subnet)
    bench.release(subnet, bench.allocate(subnet).address)
    assert count(tmp_path, "pages") == 0


@families
def test_a_closed_subnet_leaves_nothing_in_the_file(
    bench: Bench, subnet: IPNetwork, tmp_path: Path
) -> None:
    lasting = Subnet(subnet, cooldown=600.0, retention=600.0)
    bench.open(subnet)
    bench.release(lasting, bench.allocate(lasting, sticky_key="k").address)
    bench.close(subnet)
    for table in ("subnets", "pages", "allocations", "resting", "remembered"):
        assert count(tmp_path, table) == 0
