"""Calls that share a commit: each sees what those before it did, and one that fails harms none."""

from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest

from mynet.ipam.api import Holding, IPNetwork, Subnet
from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.errors import AddressInUse, SubnetExhausted, SubnetNotFound
from mynet.ipam.sqlite.database import Database
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.databases import called_together

IPV4 = IPv4Network("10.1.0.0/29")
IPV6 = IPv6Network("fd00:1::/125")
families = pytest.mark.parametrize("cidr", [IPV4, IPV6], ids=["IPv4", "IPv6"])


def database_of(bench: Bench) -> Database:
    assert isinstance(bench.backend, BitmapBackend)
    return bench.backend._database


@families
def test_an_address_may_come_and_go_in_one_commit(bench: Bench, cidr: IPNetwork) -> None:
    bench.open(cidr)
    futures = called_together(
        database_of(bench),
        [
            partial(bench.allocate, cidr, "a", address=cidr[3]),
            partial(bench.release, cidr, cidr[3], "a"),
            partial(bench.allocate, cidr, "b", address=cidr[3]),
            partial(bench.release_owner, "b"),
            partial(bench.allocate_batch, cidr, ["c", "d"]),
        ],
    )
    first, second, third, fourth, last = (future.result() for future in futures)
    assert (second, fourth) == (first, [third])
    assert [allocation.address for allocation in last] == [cidr[1], cidr[2]]
    assert first.revision < third.revision < last[0].revision
    assert bench.allocations() == last


@families
def test_a_subnet_may_be_opened_used_and_closed_in_one_commit(
    bench: Bench, cidr: IPNetwork
) -> None:
    for _ in range(2):
        futures = called_together(
            database_of(bench),
            [
                partial(bench.backend.open_subnet, None, cidr),  # type: ignore[arg-type]
                partial(bench.allocate, cidr, "a"),
                partial(bench.release_owner, "a"),
                partial(bench.backend.close_subnet, None, cidr),  # type: ignore[arg-type]
            ],
        )
        assert futures[1].result().address == cidr[1]
        assert not futures[3].exception()
    with pytest.raises(SubnetNotFound):
        bench.usage(cidr)


def test_a_load_that_fails_half_way_takes_back_itself_alone(bench: Bench) -> None:
    bench.open(IPV4)
    new = ip_network("10.2.0.0/24")
    before, failed, after, last = called_together(
        database_of(bench),
        [
            partial(bench.allocate, IPV4, "a"),
            partial(bench.load, (new, [Holding(new[1])]), (IPV4, [Holding(IPV4[1], "b")])),
            partial(bench.allocate, IPV4, "c"),
            partial(bench.allocate, new, "d"),
        ],
    )
    assert isinstance(failed.exception(), AddressInUse)
    assert isinstance(last.exception(), SubnetNotFound)
    assert bench.allocations() == [before.result(), after.result()]
    assert [allocation.address for allocation in bench.allocations()] == [IPV4[1], IPV4[2]]


@families
def test_an_owner_that_asks_many_times_in_one_commit_has_one(bench: Bench, cidr: IPNetwork) -> None:
    bench.open(cidr)
    futures = called_together(
        database_of(bench),
        [
            partial(bench.allocate, cidr, "a"),
            partial(bench.allocate_batch, cidr, ["a", "b"]),
            partial(bench.allocate, cidr, "b"),
            partial(bench.load, (cidr, [Holding(cidr[1], "a")])),
        ],
    )
    first, (again, other), second, _ = (future.result() for future in futures)
    assert (again, second) == (first, other)
    assert bench.allocations() == [first, other]


@families
def test_of_the_last_address_the_first_to_ask_gets_it(bench: Bench, cidr: IPNetwork) -> None:
    subnet = Subnet(cidr, cooldown=600.0)
    bench.open(subnet)
    taken = bench.take_all(subnet)
    bench.release(subnet, taken[0])
    refused, _, given, late = called_together(
        database_of(bench),
        [
            partial(bench.allocate, subnet, "a"),
            partial(bench.release, subnet, taken[1]),
            partial(bench.allocate, Subnet(cidr), "b"),
            partial(bench.allocate_batch, Subnet(cidr), ["c", "d"]),
        ],
    )
    assert isinstance(refused.exception(), SubnetExhausted)
    assert given.result().address == taken[0]
    assert isinstance(late.exception(), SubnetExhausted)
