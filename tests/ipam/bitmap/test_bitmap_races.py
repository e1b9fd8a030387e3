"""Concurrent calls of the bitmap backend; the ``bench`` audits the file at the end."""

from collections import Counter
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest

from mynet.ipam.api import Holding, IPAddress, IPNetwork, Subnet
from mynet.ipam.errors import AddressInUse, SubnetExhausted, SubnetInUse, SubnetNotFound
from mynet.ipam.testing.assertions import in_threads
from mynet.ipam.testing.bench import Bench

THREADS = 16
SMALL: list[IPNetwork] = [IPv4Network("10.1.0.0/26"), IPv6Network("fd00:1::/122")]


def take_all(bench: Bench, subnet: IPNetwork, owner: str) -> list[IPAddress]:
    taken: list[IPAddress] = []
    while True:
        try:
            taken.append(bench.allocate(subnet, f"{owner}/{len(taken)}").address)
        except SubnetExhausted:
            return taken


@pytest.mark.parametrize("subnet", SMALL, ids=str)
def test_the_last_addresses_go_to_one_thread_each(bench: Bench, subnet: IPNetwork) -> None:
    bench.open(subnet)
    capacity = bench.usage(subnet).capacity
    for _ in range(3):
        taken = in_threads([partial(take_all, bench, subnet, f"{n}") for n in range(THREADS)])
        given = Counter(address for addresses in taken for address in addresses)
        assert set(given.values()) == {1}
        assert len(given) == capacity == bench.usage(subnet).allocated
        for address in given:
            bench.release(subnet, address)


@pytest.mark.parametrize("subnet", SMALL, ids=str)
def test_batches_and_single_callers_share_the_last_addresses(
    bench: Bench, subnet: IPNetwork
) -> None:
    bench.open(subnet)
    capacity = bench.usage(subnet).capacity

    def take_batches(owner: str) -> list[IPAddress]:
        taken: list[IPAddress] = []
        with suppress(SubnetExhausted):
            while True:
                owners = [f"{owner}/{len(taken) + number}" for number in range(3)]
                taken += [allocation.address for allocation in bench.allocate_batch(subnet, owners)]
        return [*taken, *take_all(bench, subnet, f"{owner}/alone")]

    for _ in range(3):
        works = [partial(take_batches, f"batch {number}") for number in range(THREADS // 2)]
        works += [partial(take_all, bench, subnet, f"{n}") for n in range(THREADS // 2)]
        given = Counter(address for addresses in in_threads(works) for address in addresses)
        assert set(given.values()) == {1}
        assert len(given) == capacity == bench.usage(subnet).allocated
        in_threads(
            [
                partial(bench.release_owner, allocation.owner)
                for allocation in bench.allocations(subnet)
            ]
        )
        assert bench.usage(subnet).allocated == 0


def test_a_cooling_address_is_not_allocated_while_threads_ask_for_any(bench: Bench) -> None:
    subnet = Subnet(SMALL[0], cooldown=600.0, retention=600.0)
    bench.open(subnet)
    taken = bench.take_all(subnet)

    def live(number: int) -> None:
        bench.release(subnet, taken[number])
        with pytest.raises(SubnetExhausted):
            bench.allocate(subnet, f"{number}")
        assert bench.allocate(subnet, f"{number}", address=taken[number]).owner == f"{number}"

    in_threads([partial(live, number) for number in range(THREADS)])
    assert bench.usage(subnet).allocated == len(taken)


def test_loads_race_for_one_address_and_are_whole(bench: Bench) -> None:
    subnets = [ip_network(f"10.{number}.0.0/24") for number in range(THREADS)]
    shared = ip_network("10.99.0.0/24")

    def load(number: int) -> bool:
        mine = [Holding(subnets[number][place], f"{number}") for place in range(1, 9)]
        with suppress(AddressInUse):
            bench.load((subnets[number], mine), (shared, [Holding(shared[5], f"{number}")]))
            return True
        return False

    loaded = in_threads([partial(load, number) for number in range(THREADS)])
    assert loaded.count(True) == 1
    winner = f"{loaded.index(True)}"
    held = bench.allocations()
    assert {allocation.owner for allocation in held} == {winner}
    assert len(held) == 9


def test_threads_in_different_subnets_do_not_disturb_each_other(bench: Bench) -> None:
    subnets = [ip_network(f"10.1.{number}.0/28") for number in range(THREADS)]

    def live(subnet: IPNetwork) -> None:
        for _ in range(3):
            bench.open(subnet)
            taken = take_all(bench, subnet, str(subnet))
            assert len(taken) == 14
            for address in taken:
                bench.release(subnet, address, f"{subnet}/{taken.index(address)}")
            bench.close(subnet)

    in_threads([partial(live, subnet) for subnet in subnets])
    assert bench.allocations() == []


def test_a_subnet_with_a_concurrent_allocation_is_not_closed(bench: Bench) -> None:
    subnet = SMALL[0]

    def use(owner: str) -> None:
        for _ in range(10):
            bench.open(subnet)
            with suppress(SubnetNotFound, SubnetInUse):
                held = bench.allocate(subnet, owner)
                assert bench.allocations(owner=owner) == [held]
                bench.release(subnet, held.address, owner)
                bench.close(subnet)

    in_threads([partial(use, f"{number}") for number in range(THREADS)])
    assert bench.allocations() == []
