"""Cooldowns by a fake clock: to the nanosecond, over reboots, whatever the date."""

import time
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import pytest

from mynet.ipam.api import IPAddress, IPNetwork, Span, Subnet
from mynet.ipam.errors import SubnetExhausted
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.clocks import FakeClock

IPV4 = IPv4Network("10.1.0.0/24")
IPV6 = IPv6Network("fd00:1::/64")
families = pytest.mark.parametrize("cidr", [IPV4, IPV6], ids=["IPv4", "IPv6"])


def three_of(cidr: IPNetwork, cooldown: float = 30.0) -> Subnet:
    return Subnet(cidr, range=Span(cidr[7], cidr[9]), cooldown=cooldown)


def retry_after(bench: Bench, subnet: Subnet) -> float:
    with pytest.raises(SubnetExhausted) as caught:
        bench.allocate(subnet)
    return caught.value.retry_after


def all_released(bench: Bench, clock: FakeClock, subnet: Subnet) -> list[IPAddress]:
    """Allocate every address and release them again, a second apart."""
    bench.open(subnet)
    taken = bench.take_all(subnet)
    for address in taken:
        bench.release(subnet, address)
        clock.advance(1)
    return taken


@families
def test_a_cooldown_ends_to_the_nanosecond(timed: Bench, clock: FakeClock, cidr: IPNetwork) -> None:
    subnet = three_of(cidr)
    first, *_ = all_released(timed, clock, subnet)
    assert retry_after(timed, subnet) == 27.0
    clock.nanoseconds += 27 * 10**9 - 1
    assert retry_after(timed, subnet) == pytest.approx(1e-9)
    assert timed.usage(subnet).cooling == 3
    clock.nanoseconds += 1
    assert timed.usage(subnet).cooling == 2
    assert timed.take_all(subnet) == [first]
    assert retry_after(timed, subnet) == 1.0


@families
def test_a_reboot_begins_a_cooldown_anew(timed: Bench, clock: FakeClock, cidr: IPNetwork) -> None:
    subnet = three_of(cidr)
    taken = all_released(timed, clock, subnet)
    clock.advance(20)
    timed.stop()
    clock.reboot(5)
    timed.start()
    assert retry_after(timed, subnet) == 25.0
    usage = timed.usage(subnet)
    assert (usage.cooling, sum(part.cooling for part in timed.parts(subnet, 32))) == (3, 3)
    clock.advance(25)
    assert timed.usage(subnet).cooling == 0
    assert timed.parts(subnet, 32) == []
    assert timed.take_all(subnet) == taken


@families
def test_addresses_released_before_a_reboot_come_first(
    timed: Bench, clock: FakeClock, cidr: IPNetwork
) -> None:
    subnet = three_of(cidr)
    timed.open(subnet)
    first, second, third = timed.take_all(subnet)
    timed.release(subnet, third)
    timed.stop()
    clock.reboot(10)
    timed.start()
    timed.release(subnet, first)
    assert retry_after(timed, subnet) == 20.0
    clock.advance(20)
    assert timed.take_all(subnet) == [third]
    assert retry_after(timed, subnet) == 10.0
    clock.advance(10)
    assert timed.take_all(subnet) == [first]
    assert timed.allocations(subnet, address=second)


def test_two_boots_with_the_same_count_are_two(timed: Bench, clock: FakeClock) -> None:
    subnet = three_of(IPV4)
    all_released(timed, clock, subnet)
    before = clock.nanoseconds / 1e9
    clock.reboot(before + 1000)
    timed.restart()
    assert len(timed.take_all(subnet)) == 3


def test_the_cooldown_is_that_of_the_request(timed: Bench, clock: FakeClock) -> None:
    subnet = three_of(IPV4)
    taken = all_released(timed, clock, subnet)
    longer, shorter = replace(subnet, cooldown=90), replace(subnet, cooldown=2.5)
    assert retry_after(timed, longer) == 87.0
    assert timed.usage(longer).cooling == 3
    assert timed.usage(shorter).cooling == 2
    assert timed.take_all(shorter) == [taken[0]]


@pytest.mark.parametrize("jump", [-1e9, 1e9], ids=["back", "on"])
def test_a_wall_clock_that_is_set_changes_nothing(
    bench: Bench, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    subnet = replace(three_of(IPV4, 600.0), retention=600.0)
    bench.open(subnet)
    held = bench.allocate(subnet, sticky_key="k")
    bench.take_all(subnet)
    bench.release(subnet, held.address)
    seconds, nanoseconds = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: seconds() + jump)
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds() + int(jump * 1e9))
    for _ in range(2):
        assert 540 < retry_after(bench, subnet) <= 600
        assert bench.usage(subnet).cooling == 1
        bench.restart()
    assert bench.allocate(subnet, sticky_key="k").address == held.address


def test_a_refused_call_leaves_cooldowns_as_they_are(timed: Bench, clock: FakeClock) -> None:
    subnet = three_of(IPV4)
    all_released(timed, clock, subnet)
    for expected in (27.0, 26.0, 25.0):
        assert retry_after(timed, subnet) == expected
        with pytest.raises(SubnetExhausted):
            timed.allocate_batch(subnet, ["a", "b"])
        clock.advance(1)


def test_retry_after_of_a_batch_is_when_enough_addresses_are_free(
    timed: Bench, clock: FakeClock
) -> None:
    subnet = three_of(IPV4)
    taken = all_released(timed, clock, subnet)
    for count, seconds in ((1, 27.0), (2, 28.0), (3, 29.0), (4, 0.0)):
        with pytest.raises(SubnetExhausted) as caught:
            timed.allocate_batch(subnet, [""] * count)
        assert caught.value.retry_after == seconds
    clock.advance(28)
    made = timed.allocate_batch(subnet, ["a", "b"])
    assert [allocation.address for allocation in made] == taken[:2]


HELD = "every address of {} is held or reserved; release some, or use a larger subnet"
COOLING = "every address of {} is held, reserved or cooling down; enough will be free in 2.0 s"


@pytest.mark.parametrize(
    ("count", "rules", "sentence"),
    [
        (1, {}, COOLING.format("10.1.0.0/29")),
        (
            1,
            {"range": Span(IPV4[1], IPV4[2])},
            "the range 10.1.0.1-10.1.0.2 of 10.1.0.0/29 is held, reserved or cooling",
        ),
        (1, {"range": Span(IPV4[2], IPV4[3])}, HELD.format("the range 10.1.0.2/31 of 10.1.0.0/29")),
        (1, {"reserved": (Span(IPV4[1], IPV4[6]),)}, HELD.format("10.1.0.0/29")),
        (
            2,
            {},
            "fewer than 2 addresses of 10.1.0.0/29 are free or cooling down; release some",
        ),
    ],
)
def test_an_exhausted_subnet_says_why_and_what_to_do(
    count: int, rules: dict[str, Any], sentence: str, timed: Bench, clock: FakeClock
) -> None:
    subnet = Subnet(IPv4Network("10.1.0.0/29"), cooldown=3)
    timed.open(subnet)
    timed.release(subnet, timed.take_all(subnet)[0])
    clock.advance(1)
    with pytest.raises(SubnetExhausted, match=sentence):
        timed.allocate_batch(replace(subnet, **rules), [""] * count)


def test_the_error_of_a_batch_names_the_number(timed: Bench, clock: FakeClock) -> None:
    subnet = three_of(IPV4)
    all_released(timed, clock, subnet)
    with pytest.raises(SubnetExhausted, match="fewer than 2 addresses of the range"):
        timed.allocate_batch(subnet, ["a", "b"])
