"""Claims about the cooldown of released addresses.

Claims that wait for the end of a cooldown use a short one. Claims that require that it has not
ended use one that does not end during a claim, however busy the machine.
"""

import time
from dataclasses import replace

from mynet.ipam.api import IPNetwork, Span, Subnet
from mynet.ipam.errors import SubnetExhausted
from mynet.ipam.testing.assertions import require, require_between, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, LONG, SHORT, SMALL, TOLERANCE, shuffled, usable

_APART = 0.1


def a_cooling_address_is_not_chosen(bench: Bench) -> None:
    """Require that it is not chosen even if no other address is left."""
    for cidr in SMALL:
        subnet = bench.open(Subnet(cidr, cooldown=LONG))
        taken = bench.take_all(subnet)
        for address in shuffled(taken, 11)[:3]:
            bench.release(subnet, address)
            for owner in ("", "a"):
                with bench.refusing(SubnetExhausted, subnet):
                    bench.allocate(subnet, owner)


def a_released_address_is_reused_when_its_cooldown_has_passed(bench: Bench) -> None:
    """Wait as long as retry_after says.

    The address is not reused before the cooldown has passed.
    """
    for cidr in BOTH:
        subnet = bench.open(_two_of(cidr, SHORT))
        first, _ = bench.take(subnet, 2)
        released = time.monotonic()
        bench.release(subnet, first)
        try:
            again = bench.allocate(subnet)
        except SubnetExhausted as refusal:
            require_between(0, refusal.retry_after, SHORT, "retry_after")
            time.sleep(refusal.retry_after + TOLERANCE)
            again = bench.allocate(subnet)
        passed = time.monotonic() - released
        require_equal(again.address, first, "after the cooldown it gave")
        require(passed >= SHORT - TOLERANCE, f"{first} was reused {passed} s after its release")


def addresses_that_have_cooled_down_are_chosen_last_in_order_of_release(bench: Bench) -> None:
    """Require that unused addresses are chosen first."""
    used = {}
    for cidr in SMALL:
        subnet = bench.open(Subnet(cidr, cooldown=SHORT))
        used[subnet] = bench.take(subnet, 6)
        for number in (4, 0, 3):
            bench.release(subnet, used[subnet][number])
    time.sleep(SHORT)
    for subnet, addresses in used.items():
        fresh = bench.take(subnet, len(usable(subnet.cidr)) - len(addresses))
        require_equal(set(fresh) & set(addresses), set(), "reused while others were fresh")
        released = [addresses[number] for number in (4, 0, 3)]
        require_equal(bench.take_all(subnet), released, "reused in order were")


def without_a_cooldown_an_address_is_reused_at_once(bench: Bench) -> None:
    """Require that it is reused when no other address is left."""
    for cidr in BOTH:
        subnet = bench.open(_two_of(cidr, 0))
        first, second = bench.take(subnet, 2)
        for address in (second, first):
            bench.release(subnet, address)
            require_equal(bench.usage(subnet).cooling, 0, "cooling, without a cooldown")
            require_equal(bench.take(subnet, 1), [address], "reused at once was")


def retry_after_is_the_time_until_the_first_address_is_free(bench: Bench) -> None:
    """Require the time that the address released first has left to cool down."""
    released = {}
    for cidr in BOTH:
        subnet = bench.open(_two_of(cidr, LONG))
        first, second = bench.take(subnet, 2)
        before = time.monotonic()
        bench.release(subnet, first)
        released[subnet] = before, time.monotonic(), second
    time.sleep(_APART)
    for subnet, (before, after, second) in released.items():
        bench.release(subnet, second)
        asked = time.monotonic()
        with bench.refusing(SubnetExhausted, subnet) as refusal:
            bench.allocate(subnet)
        least, most = LONG - (time.monotonic() - before), LONG - (asked - after)
        actual = refusal.error.retry_after
        require_between(least - TOLERANCE, actual, most + TOLERANCE / 2, "retry_after")


def retry_after_is_zero_if_waiting_does_not_help(bench: Bench) -> None:
    """Allocate every address, or reserve the cooling one or leave it out of the range."""
    for cidr in SMALL:
        subnet = bench.open(Subnet(cidr, cooldown=LONG))
        taken = bench.take_all(subnet)
        _require_hopeless(bench, subnet)
        bench.release(subnet, taken[3])
        spans = (Span(taken[3], taken[3]),)
        _require_hopeless(bench, replace(subnet, reserved=spans))
        _require_hopeless(bench, replace(subnet, range=Span(taken[4], taken[6])))


def a_cooling_address_can_be_allocated_by_name(bench: Bench) -> None:
    """Require that when it is released again, it cools down again, and is reused last."""
    for cidr in BOTH:
        subnet = bench.open(_two_of(cidr, LONG))
        first, second = bench.take(subnet, 2)
        bench.release(subnet, first)
        bench.release(subnet, second)
        require_equal(bench.allocate(subnet, "a", address=first).address, first, "it gave")
        require_equal(bench.usage(subnet).cooling, 1, "cooling, one being taken,")
        bench.release(subnet, first)
        at_once = replace(subnet, cooldown=0)
        require_equal(bench.take_all(at_once), [second, first], "reused in order were")


def a_cooldown_continues_after_a_restart(bench: Bench) -> None:
    """Require that a restart neither ends nor shortens it."""
    for cidr in BOTH:
        subnet = bench.open(_two_of(cidr, LONG))
        before = time.monotonic()
        bench.release(subnet, bench.take(subnet, 2)[0])
        for _ in range(2):
            bench.restart()
            with bench.refusing(SubnetExhausted, subnet) as refusal:
                bench.allocate(subnet)
            least = LONG - (time.monotonic() - before) - TOLERANCE
            require_between(least, refusal.error.retry_after, LONG, "retry_after")
            require_equal(bench.usage(subnet).cooling, 1, "cooling, after a restart,")


def a_cooldown_ends_after_a_restart(bench: Bench) -> None:
    """Require that it ends at the latest one cooldown after the restart."""
    released = {}
    for cidr in BOTH:
        subnet = bench.open(_two_of(cidr, SHORT))
        released[subnet] = bench.take(subnet, 2)[0]
        bench.release(subnet, released[subnet])
    bench.restart()
    time.sleep(SHORT + TOLERANCE)
    for subnet, first in released.items():
        require_equal(bench.take_all(subnet), [first], "after a restart and a cooldown it gave")


def each_subnet_has_its_own_cooldown(bench: Bench) -> None:
    """Require that each subnet has its rules and its order of release."""
    for slow, quick in (BOTH, BOTH[::-1]):
        patient, eager = bench.open(_two_of(slow, LONG)), bench.open(_two_of(quick, 0))
        for subnet in (patient, eager):
            for address in bench.take(subnet, 2):
                bench.release(subnet, address)
        require_equal(bench.take_all(patient), [], f"taken of {slow}, which cools,")
        require_equal(len(bench.take_all(eager)), 2, f"the number taken of {quick}")
        for subnet in (patient, eager):
            bench.clear(subnet)


def _two_of(cidr: IPNetwork, cooldown: float) -> Subnet:
    """Return rules with a range of two addresses."""
    return Subnet(cidr, range=Span(cidr[6], cidr[7]), cooldown=cooldown)


def _require_hopeless(bench: Bench, subnet: Subnet) -> None:
    with bench.refusing(SubnetExhausted, subnet) as refusal:
        bench.allocate(subnet)
    require_equal(
        refusal.error.retry_after, 0, f"retry_after, with nothing to wait for in {subnet.cidr}"
    )
