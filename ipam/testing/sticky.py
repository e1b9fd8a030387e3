"""Claims about sticky keys: whoever comes back with one gets the address that it had."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from mynet.ipam.api import Holding, IPNetwork, Span, Subnet
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, SMALL
from mynet.ipam.testing.stating import require, require_equal

_LONG = 600.0
_SHORT = 0.1


def whoever_comes_back_gets_its_old_address(bench: Bench) -> None:
    """Whatever its owner is now, though others are fresh, and though it cools for all others."""
    for cidr in BOTH:
        subnet = bench.open(_sticky(cidr))
        bench.take(subnet, 2)
        held = bench.allocate(subnet, "run 1", sticky_key="web")
        require_equal(held.sticky_key, "web", "the sticky key of an allocation")
        require_equal(bench.allocations(subnet, owner="run 1"), [held], "listed is")
        bench.take(subnet, 2)
        for number, owner in enumerate(("run 2", "", "run 1"), start=2):
            last = bench.allocations(subnet, address=held.address)[0]
            bench.release(subnet, held.address)
            again = bench.allocate(subnet, owner, sticky_key="web")
            require_equal(
                again.address, held.address, f"whoever came back was given in run {number}"
            )
            require(again.revision > last.revision, "who came back has an old allocation")


def whoever_gave_all_back_comes_back_as_well(bench: Bench) -> None:
    """For release_owner remembers a key as release does."""
    for cidr in BOTH:
        subnet = bench.open(_sticky(cidr))
        held = bench.allocate(subnet, "run 1", sticky_key="web")
        bench.release_owner("run 1")
        bench.take(subnet, 2)
        again = bench.allocate(subnet, "run 2", sticky_key="web")
        require_equal(again.address, held.address, "whoever came back was given")


def whoever_comes_back_too_late_gets_another(bench: Bench) -> None:
    """After the retention, or without one."""
    for cidr in BOTH:
        bench.open(cidr)
        for seconds in (0, _SHORT):
            subnet = Subnet(cidr, cooldown=_LONG, retention=seconds)
            old = bench.allocate(subnet, sticky_key="web").address
            bench.release(subnet, old)
            time.sleep(seconds)
            new = bench.allocate(subnet, sticky_key="web").address
            require(new != old, f"after {seconds} s of retention a key led back to {old}")


def an_address_that_another_has_is_not_given_back(bench: Bench) -> None:
    """Who comes back gets another, and the holder keeps it."""
    for cidr in BOTH:
        subnet = bench.open(_sticky(cidr))
        old = bench.allocate(subnet, "run 1", sticky_key="web").address
        bench.release(subnet, old)
        other = bench.allocate(subnet, "another", address=old)
        new = bench.allocate(subnet, "run 2", sticky_key="web")
        require(new.address != old, f"{old} was given to two")
        require_equal(bench.allocations(subnet, address=old), [other], f"the holder of {old} is")


def an_address_that_is_reserved_now_is_not_given_back(bench: Bench) -> None:
    """For what the rules reserve nobody gets."""
    for cidr in BOTH:
        subnet = bench.open(_sticky(cidr))
        old = bench.allocate(subnet, sticky_key="web").address
        bench.release(subnet, old)
        reserving = replace(subnet, reserved=(Span(old, old),))
        new = bench.allocate(reserving, sticky_key="web").address
        require(new != old, f"{old}, which is reserved, was given back")


def the_key_leads_to_the_address_that_it_had_last(bench: Bench) -> None:
    """However it came by that: by name, or from another's hands."""
    for cidr in BOTH:
        subnet = bench.open(_sticky(cidr))
        old = bench.allocate(subnet, "run 1", sticky_key="web").address
        bench.release(subnet, old)
        bench.allocate(subnet, "run 2", address=cidr[9], sticky_key="web")
        new = bench.allocate(subnet, "run 3", sticky_key="web").address
        require(new != old, f"a key led to {old}, and was in use for {cidr[9]} since")
        bench.release(subnet, new)
        bench.allocate(subnet, "vm", address=cidr[12])
        bench.allocate(subnet, "run 4", address=cidr[12], take_from="vm", sticky_key="web")
        other = bench.allocate(subnet, "run 5", sticky_key="web").address
        require(other != new, f"a key led to {new}, and was in use for {cidr[12]} since")
        bench.release(subnet, other)
        bench.release(subnet, cidr[12])
        again = bench.allocate(subnet, "run 6", sticky_key="web")
        require_equal(again.address, cidr[12], "whoever came back was given")


def a_key_leads_outside_the_range(bench: Bench) -> None:
    """Whose address was asked for by name comes back to it as well."""
    for cidr in SMALL:
        subnet = bench.open(replace(_sticky(cidr), range=Span(cidr[4], cidr[6])))
        bench.allocate(subnet, "run 1", address=cidr[9], sticky_key="web")
        bench.release(subnet, cidr[9])
        again = bench.allocate(subnet, "run 2", sticky_key="web")
        require_equal(again.address, cidr[9], "whoever came back was given")


def what_an_owner_has_comes_before_its_key(bench: Bench) -> None:
    """And what it asks for by name before both."""
    for cidr in BOTH:
        subnet = bench.open(_sticky(cidr))
        old = bench.allocate(subnet, "run 1", sticky_key="web").address
        held = bench.allocate(subnet, "run 2")
        bench.release(subnet, old)
        again = bench.allocate(subnet, "run 2", sticky_key="web")
        require_equal(again, held, "an owner that has one was given")
        named = bench.allocate(subnet, "run 2", address=cidr[9], sticky_key="web")
        require_equal(named.address, cidr[9], "an owner that asked for one was given")


def keys_are_told_apart(bench: Bench) -> None:
    """To the letter, and by subnet; and who has none does not come back."""
    keys = ("a", "A", "a ", "á", "%", "x" * 255, "")
    for cidr, other in (BOTH, BOTH[::-1]):
        subnet = bench.open(_sticky(cidr))
        bench.open(other)
        old = {key: bench.allocate(subnet, sticky_key=key).address for key in keys}
        for address in old.values():
            bench.release(subnet, address)
        elsewhere = bench.allocate(_sticky(other), sticky_key="a").address
        require(elsewhere in other, f"in {other} a key of {cidr} led to {elsewhere}")
        new = bench.allocate(subnet).address
        require(new not in old.values(), f"who has no key was given {new}, which is cooling")
        for key in keys[:-1]:
            again = bench.allocate(subnet, sticky_key=key).address
            require_equal(again, old[key], f"whoever came back with {key!r} was given")
        bench.clear(subnet)
        bench.clear(other)


def keys_outlive_the_backend(bench: Bench) -> None:
    """Those in use as well as those that are remembered."""
    for cidr in BOTH:
        subnet = bench.open(_sticky(cidr))
        for number, key in ((5, "in use"), (9, "at rest")):
            bench.load((subnet, [Holding(cidr[number], key, key)]))
        bench.release(subnet, cidr[9])
        bench.restart()
        again = bench.allocate(subnet, sticky_key="at rest")
        require_equal(again.address, cidr[9], "after a restart, whoever came back was given")
        bench.release(subnet, cidr[5])
        bench.restart()
        again = bench.allocate(subnet, sticky_key="in use")
        require_equal(again.address, cidr[5], "whoever was loaded with a key, and came back, got")


def _sticky(cidr: IPNetwork) -> Subnet:
    return Subnet(cidr, cooldown=_LONG, retention=_LONG)


def what_is_recalled_is_what_would_be_given(bench: Bench) -> None:
    """To whoever comes with the key, by a backend that recalls; asking changes nothing."""
    for cidr in BOTH:
        subnet = bench.open(_sticky(cidr))
        require_equal(bench.recall(subnet, "web"), None, "of a key that was never used is recalled")
        held = bench.allocate(subnet, "run 1", sticky_key="web")
        require_equal(bench.recall(subnet, "web"), None, "of a key that is in use is recalled")
        bench.release(subnet, held.address)
        for _ in range(2):
            found = bench.recall(subnet, "web")
            require(found in (None, held.address), f"a key that had {held.address} recalls {found}")
        bench.allocate(subnet, "other", address=held.address)
        require_equal(bench.recall(subnet, "web"), None, "of an address that is held is recalled")


CLAIMS: Sequence[Callable[[Bench], None]] = (
    what_is_recalled_is_what_would_be_given,
    whoever_comes_back_gets_its_old_address,
    whoever_gave_all_back_comes_back_as_well,
    whoever_comes_back_too_late_gets_another,
    an_address_that_another_has_is_not_given_back,
    an_address_that_is_reserved_now_is_not_given_back,
    the_key_leads_to_the_address_that_it_had_last,
    a_key_leads_outside_the_range,
    what_an_owner_has_comes_before_its_key,
    keys_are_told_apart,
    keys_outlive_the_backend,
)
