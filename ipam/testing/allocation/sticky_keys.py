"""Claims about sticky keys, which lead back to the address that they had."""

import time
from dataclasses import replace

from mynet.ipam.api import Holding, IPNetwork, Span, Subnet
from mynet.ipam.testing.assertions import require, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, LONG, SHORT, SMALL


def a_sticky_key_leads_back_to_its_address(bench: Bench) -> None:
    """Come back under any owner, while unused addresses are left and the address is cooling."""
    for subnet in map(bench.open, map(_sticky, BOTH)):
        bench.take(subnet, 2)
        held = bench.allocate(subnet, "run 1", sticky_key="web")
        require_equal(held.sticky_key, "web", "the sticky key of an allocation")
        require_equal(bench.allocations(subnet, owner="run 1"), [held], "listed is")
        bench.take(subnet, 2)
        for number, owner in enumerate(("run 2", "", "run 1"), start=2):
            last = bench.allocations(subnet, address=held.address)[0]
            bench.release(subnet, held.address)
            again = bench.allocate(subnet, owner, sticky_key="web")
            require_equal(again.address, held.address, f"in run {number} the key led to")
            require(again.revision > last.revision, "a sticky key returned an old allocation")


def release_owner_remembers_sticky_keys(bench: Bench) -> None:
    """Require that it does so as release does."""
    for subnet in map(bench.open, map(_sticky, BOTH)):
        held = bench.allocate(subnet, "run 1", sticky_key="web")
        bench.release_owner("run 1")
        bench.take(subnet, 2)
        again = bench.allocate(subnet, "run 2", sticky_key="web")
        require_equal(again.address, held.address, "the key led to")


def a_sticky_key_leads_nowhere_after_the_retention(bench: Bench) -> None:
    """Wait for the end of a retention, and use a retention of 0."""
    for cidr in map(bench.open, BOTH):
        for seconds in (0, SHORT):
            subnet = Subnet(cidr, cooldown=LONG, retention=seconds)
            old = bench.allocate(subnet, sticky_key="web").address
            bench.release(subnet, old)
            time.sleep(seconds)
            new = bench.allocate(subnet, sticky_key="web").address
            require(new != old, f"after {seconds} s of retention a key led back to {old}")


def a_sticky_key_does_not_take_an_allocated_address(bench: Bench) -> None:
    """Require that the request gets another address, and the holder keeps its own."""
    for subnet in map(bench.open, map(_sticky, BOTH)):
        old = bench.allocate(subnet, "run 1", sticky_key="web").address
        bench.release(subnet, old)
        other = bench.allocate(subnet, "another", address=old)
        new = bench.allocate(subnet, "run 2", sticky_key="web")
        require(new.address != old, f"{old} was given to two")
        require_equal(bench.allocations(subnet, address=old), [other], f"the holder of {old} is")


def a_sticky_key_does_not_lead_to_a_reserved_address(bench: Bench) -> None:
    """Reserve the address after its release."""
    for subnet in map(bench.open, map(_sticky, BOTH)):
        old = bench.allocate(subnet, sticky_key="web").address
        bench.release(subnet, old)
        reserving = replace(subnet, reserved=(Span(old, old),))
        new = bench.allocate(reserving, sticky_key="web").address
        require(new != old, f"{old}, which is reserved, was given back")


def a_sticky_key_leads_to_the_last_address_that_it_had(bench: Bench) -> None:
    """Allocate the last one by name, and by a transfer."""
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
        require_equal(again.address, cidr[12], "the key led to")


def a_sticky_key_leads_outside_the_range(bench: Bench) -> None:
    """Allocate its address by name."""
    for cidr in SMALL:
        subnet = bench.open(replace(_sticky(cidr), range=Span(cidr[4], cidr[6])))
        bench.allocate(subnet, "run 1", address=cidr[9], sticky_key="web")
        bench.release(subnet, cidr[9])
        again = bench.allocate(subnet, "run 2", sticky_key="web")
        require_equal(again.address, cidr[9], "the key led to")


def the_allocation_of_an_owner_comes_before_its_sticky_key(bench: Bench) -> None:
    """Require that an address that the request names comes before both."""
    for cidr in BOTH:
        subnet = bench.open(_sticky(cidr))
        old = bench.allocate(subnet, "run 1", sticky_key="web").address
        held = bench.allocate(subnet, "run 2")
        bench.release(subnet, old)
        again = bench.allocate(subnet, "run 2", sticky_key="web")
        require_equal(again, held, "an owner that has one was given")
        named = bench.allocate(subnet, "run 2", address=cidr[9], sticky_key="web")
        require_equal(named.address, cidr[9], "an owner that asked for one was given")


def sticky_keys_are_compared_exactly(bench: Bench) -> None:
    """Require that a subnet has its own keys, and no key means an unused address."""
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
        require(new not in old.values(), f"a request without a key got {new}, which is cooling")
        for key in keys[:-1]:
            again = bench.allocate(subnet, sticky_key=key).address
            require_equal(again, old[key], f"key {key!r} led to")
        bench.clear(subnet)
        bench.clear(other)


def sticky_keys_are_kept_after_a_restart(bench: Bench) -> None:
    """Require that both the keys in use and those of released addresses are kept."""
    for cidr in BOTH:
        subnet = bench.open(_sticky(cidr))
        for number, key in ((5, "in use"), (9, "at rest")):
            bench.load((subnet, [Holding(cidr[number], key, key)]))
        bench.release(subnet, cidr[9])
        bench.restart()
        again = bench.allocate(subnet, sticky_key="at rest")
        require_equal(again.address, cidr[9], "after a restart, the key led to")
        bench.release(subnet, cidr[5])
        bench.restart()
        again = bench.allocate(subnet, sticky_key="in use")
        require_equal(again.address, cidr[5], "after a restart, the loaded key led to")


def _sticky(cidr: IPNetwork) -> Subnet:
    return Subnet(cidr, cooldown=LONG, retention=LONG)


def recall_returns_what_the_sticky_key_would_get(bench: Bench) -> None:
    """Require that address or None, and that recalling changes nothing."""
    for subnet in map(bench.open, map(_sticky, BOTH)):
        require_equal(bench.recall(subnet, "web"), None, "of a key that was never used is recalled")
        held = bench.allocate(subnet, "run 1", sticky_key="web")
        require_equal(bench.recall(subnet, "web"), None, "of a key that is in use is recalled")
        bench.release(subnet, held.address)
        for _ in range(2):
            actual = bench.recall(subnet, "web")
            require(
                actual in (None, held.address), f"a key that had {held.address} recalls {actual}"
            )
        bench.allocate(subnet, "other", address=held.address)
        require_equal(bench.recall(subnet, "web"), None, "of an address that is held is recalled")
