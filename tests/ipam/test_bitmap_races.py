"""Threads at the bitmap backend all at once; the ``bench`` looks into the file at the end."""

from collections import Counter
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest

from mynet.ipam.api import IPAddress, IPNetwork
from mynet.ipam.errors import SubnetExhausted, SubnetInUse, SubnetNotFound
from mynet.ipam.testing.bench import Bench, at_once

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
        taken = at_once([partial(take_all, bench, subnet, f"{n}") for n in range(THREADS)])
        given = Counter(address for addresses in taken for address in addresses)
        assert set(given.values()) == {1}
        assert len(given) == capacity == bench.usage(subnet).allocated
        for address in given:
            bench.release(subnet, address)


def test_subnets_do_not_get_in_each_others_way(bench: Bench) -> None:
    subnets = [ip_network(f"10.1.{number}.0/28") for number in range(THREADS)]

    def live(subnet: IPNetwork) -> None:
        for _ in range(3):
            bench.open(subnet)
            taken = take_all(bench, subnet, str(subnet))
            assert len(taken) == 14
            for address in taken:
                bench.release(subnet, address, f"{subnet}/{taken.index(address)}")
            bench.close(subnet)

    at_once([partial(live, subnet) for subnet in subnets])
    assert bench.allocations() == []


def test_a_subnet_is_closed_before_or_after_an_allocation_never_under_it(bench: Bench) -> None:
    subnet = SMALL[0]

    def use(owner: str) -> None:
        for _ in range(10):
            bench.open(subnet)
            with suppress(SubnetNotFound, SubnetInUse):
                held = bench.allocate(subnet, owner)
                assert bench.allocations(owner=owner) == [held]
                bench.release(subnet, held.address, owner)
                bench.close(subnet)

    at_once([partial(use, f"{number}") for number in range(THREADS)])
    assert bench.allocations() == []
