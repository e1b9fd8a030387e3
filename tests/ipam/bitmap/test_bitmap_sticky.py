"""Sticky keys by a fake clock, and their deletion from the file."""

from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from mynet.ipam.api import Holding, Subnet
from mynet.ipam.bitmap import allocation_table
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.audit import count
from tests.ipam.support.clocks import FakeClock

CIDR = IPv4Network("10.1.0.0/24")
SUBNET = Subnet(CIDR, cooldown=30.0, retention=100.0)


def come_and_go(bench: Bench, key: str = "k") -> int:
    """Take an address with a key, release it again, and return its position."""
    address = bench.allocate(SUBNET, sticky_key=key).address
    bench.release(SUBNET, address)
    return int(address) - int(CIDR[0])


def test_retention_ends_to_the_nanosecond(timed: Bench, clock: FakeClock) -> None:
    timed.open(SUBNET)
    old = come_and_go(timed)
    clock.nanoseconds += 100 * 10**9 - 1
    assert come_and_go(timed) == old
    clock.advance(100)
    assert come_and_go(timed) != old


def test_a_reboot_begins_the_retention_anew(timed: Bench, clock: FakeClock) -> None:
    timed.open(SUBNET)
    old = come_and_go(timed)
    clock.advance(90)
    timed.stop()
    clock.reboot(99)
    timed.start()
    assert come_and_go(timed) == old
    timed.stop()
    clock.reboot(100)
    timed.start()
    assert come_and_go(timed) != old


def test_two_keys_may_lead_to_one_address(timed: Bench) -> None:
    timed.open(SUBNET)
    old = come_and_go(timed, "first")
    timed.allocate(SUBNET, address=CIDR[old], sticky_key="second")
    timed.release(SUBNET, CIDR[old])
    assert come_and_go(timed, "first") == old
    assert timed.allocate(SUBNET, sticky_key="second").address == CIDR[old]
    assert timed.allocate(SUBNET, sticky_key="first").address != CIDR[old]


def test_a_key_that_two_have_at_once_leads_to_what_was_released_last(timed: Bench) -> None:
    timed.open(SUBNET)
    first = timed.allocate(SUBNET, "a", sticky_key="k").address
    second = timed.allocate(SUBNET, "b", sticky_key="k").address
    timed.release(SUBNET, second)
    timed.release(SUBNET, first)
    assert timed.allocate(SUBNET, "c", sticky_key="k").address == first
    assert timed.allocate(SUBNET, "d", sticky_key="k").address != second


def test_a_transfer_replaces_the_sticky_key(timed: Bench) -> None:
    timed.open(SUBNET)
    held = timed.allocate(SUBNET, "vm", sticky_key="vm")
    timed.allocate(SUBNET, "endpoint", address=held.address, take_from="vm", sticky_key="web")
    timed.release_owner("endpoint")
    assert timed.allocate(SUBNET, sticky_key="vm").address != held.address
    assert timed.allocate(SUBNET, sticky_key="web").address == held.address


def test_a_sticky_key_leads_to_an_address_that_left_the_queue(
    timed: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(allocation_table, "MOST_RELEASED", 0)
    timed.open(CIDR)
    eager = replace(SUBNET, cooldown=0)
    old = timed.allocate(eager, sticky_key="k").address
    timed.release(eager, old)
    timed.take(eager, 3)
    assert count(tmp_path, "resting") == 0
    assert timed.allocate(eager, sticky_key="k").address == old


def test_expired_keys_are_deleted_by_the_next_call_with_rules(
    timed: Bench, clock: FakeClock, tmp_path: Path
) -> None:
    timed.load((SUBNET, [Holding(CIDR[n], f"o{n % 2}", f"k{n}") for n in range(1, 21)]))
    timed.release_owner("o0")
    clock.advance(60)
    timed.release_owner("o1")
    for seconds, remembered in ((39, 20), (1, 10), (59, 10), (1, 0)):
        clock.advance(seconds)
        timed.allocate(SUBNET)
        assert count(tmp_path, "remembered") == remembered


def test_keys_of_an_earlier_boot_expire(timed: Bench, clock: FakeClock, tmp_path: Path) -> None:
    timed.load((SUBNET, [Holding(CIDR[n], "o", f"k{n}") for n in range(1, 6)]))
    timed.release_owner("o")
    clock.reboot(99)
    timed.restart()
    for seconds, remembered in ((0, 5), (1, 0)):
        clock.advance(seconds)
        timed.allocate(SUBNET)
        assert count(tmp_path, "remembered") == remembered


def test_without_retention_no_key_is_kept(timed: Bench, tmp_path: Path) -> None:
    timed.open(CIDR)
    held = timed.allocate(CIDR, sticky_key="k")
    timed.release(CIDR, held.address)
    assert count(tmp_path, "remembered") == 0
