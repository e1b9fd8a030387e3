"""The release queue in the file stays within bounds."""

from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from mynet.ipam.api import Holding, Subnet
from mynet.ipam.bitmap import allocation_table
from mynet.ipam.errors import SubnetExhausted
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.audit import count
from tests.ipam.support.clocks import FakeClock

SUBNET = Subnet(IPv4Network("10.1.0.0/27"), cooldown=30.0)
ADDRESSES = [SUBNET.cidr[number] for number in range(1, 31)]
MOST = 4


@pytest.fixture(autouse=True)
def few_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocation_table, "MOST_RELEASED", MOST)


@pytest.fixture
def full(timed: Bench) -> Bench:
    """The backend with a subnet of which one owner has every address."""
    timed.load((SUBNET, [Holding(address, "a") for address in ADDRESSES]))
    return timed


def test_cooling_addresses_stay_in_the_queue_however_many_they_are(
    full: Bench, tmp_path: Path
) -> None:
    for address in ADDRESSES:
        full.release(SUBNET, address)
    assert count(tmp_path, "resting") == len(ADDRESSES)
    with pytest.raises(SubnetExhausted):
        full.allocate(SUBNET)


def test_addresses_that_have_cooled_down_are_removed_by_the_next_call_with_rules(
    full: Bench, clock: FakeClock, tmp_path: Path
) -> None:
    full.release_owner("a")
    clock.advance(30)
    assert count(tmp_path, "resting") == len(ADDRESSES)
    assert full.allocate(SUBNET, "b").address == ADDRESSES[0]
    assert count(tmp_path, "resting") == MOST
    assert full.take_all(SUBNET) == ADDRESSES[1:]


def test_the_first_released_is_removed_first(full: Bench, clock: FakeClock) -> None:
    for address in ADDRESSES[::-1]:
        full.release(SUBNET, address)
    clock.advance(30)
    first = full.allocate(SUBNET).address  # of what rested; its call frees all but the last four
    assert first == ADDRESSES[-1]
    assert full.take_all(SUBNET) == [*ADDRESSES[MOST:-1], *ADDRESSES[MOST - 1 :: -1]]


def test_a_commit_removes_a_bounded_number(
    full: Bench, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocation_table, "_FREED_AT_ONCE", 10)
    full.release_owner("a")
    clock.advance(30)
    counts = []
    for _ in range(4):
        with pytest.raises(SubnetExhausted):
            full.allocate_batch(SUBNET, [""] * 31)
        counts.append(count(tmp_path, "resting"))
    assert counts == [20, 10, MOST, MOST]


def test_removal_stops_at_the_first_address_that_is_cooling(
    full: Bench, clock: FakeClock, tmp_path: Path
) -> None:
    for address in ADDRESSES[:8]:
        full.release(SUBNET, address)
    clock.advance(30)
    for address in ADDRESSES[8:16]:
        full.release(SUBNET, address)
    assert count(tmp_path, "resting") == 8
    assert full.usage(SUBNET).cooling == 8


def test_the_rules_of_the_call_decide_what_is_removed(
    full: Bench, clock: FakeClock, tmp_path: Path
) -> None:
    full.release_owner("a")
    clock.advance(30)
    with pytest.raises(SubnetExhausted):
        full.allocate(replace(SUBNET, cooldown=60.0))
    assert count(tmp_path, "resting") == len(ADDRESSES)


def test_a_call_that_changes_nothing_writes_nothing(timed: Bench, tmp_path: Path) -> None:
    timed.open(SUBNET)
    held = timed.allocate(SUBNET, "a")
    log = tmp_path / "bitmap.db-wal"
    before = log.stat().st_size
    assert timed.allocate(SUBNET, "a") == held
    assert timed.allocate_batch(SUBNET, ["a", "a"]) == [held, held]
    timed.load((SUBNET, [Holding(held.address, "a")]))
    assert timed.release_owner("b") == []
    timed.open(SUBNET)
    with pytest.raises(SubnetExhausted):
        timed.allocate_batch(SUBNET, [""] * 99)
    assert log.stat().st_size == before
