"""Claims about batches: all addresses are allocated in one commit, or none."""

import time
from dataclasses import replace

from mynet.ipam.api import Span, Subnet
from mynet.ipam.errors import SubnetExhausted
from mynet.ipam.testing.assertions import require, require_between, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, LONG, SMALL, TOLERANCE, usable

_LARGE = 5000  # more than a backend may store together
_APART = 0.2


def a_batch_allocates_an_address_for_each_owner(bench: Bench) -> None:
    """Require that the answer is in the order of the owners, and of one commit."""
    owners = ["c", "a", "b", "ä", "0"]
    for cidr in map(bench.open, BOTH):
        made = bench.allocate_batch(cidr, owners, {"kind": "pod"})
        require_equal([allocation.owner for allocation in made], owners, "a batch was given to")
        require_equal(
            len({allocation.address for allocation in made}), len(owners), "different addresses"
        )
        require_equal(
            len({allocation.revision for allocation in made}), 1, "the number of its commits"
        )
        listed = bench.allocations(cidr)
        require_equal(
            sorted(made, key=lambda allocation: int(allocation.address)), listed, "listed are"
        )
        for owner, allocation in zip(owners, made, strict=True):
            require_equal(dict(allocation.labels), {"kind": "pod"}, "the labels of one of a batch")
            require_equal(
                bench.allocate(cidr, owner), allocation, f"{owner}, asking alone, was given"
            )


def a_batch_is_allocated_whole_or_not_at_all(bench: Bench) -> None:
    """Require that a batch that is larger than what is free allocates nothing."""
    for cidr in map(bench.open, SMALL):
        bench.take(cidr, 3)
        left = len(usable(cidr)) - 3
        for owners in ([f"owner {number}" for number in range(left + 1)], [""] * (left + 1)):
            with bench.refusing(SubnetExhausted, cidr) as refusal:
                bench.allocate_batch(cidr, owners)
            require_equal(refusal.error.retry_after, 0, "retry_after, with nothing to wait for")
        made = bench.allocate_batch(cidr, [f"owner {number}" for number in range(left)])
        require_equal(len(made), left, "the number of all that was left")
        require_equal(bench.usage(cidr).free, 0, f"free of {cidr}")


def a_batch_returns_what_its_owners_have(bench: Bench) -> None:
    """Require that a repeated batch gets the same answer, also if no address is left."""
    for cidr in map(bench.open, SMALL):
        held = bench.allocate(cidr, "b")
        owners = ["a", "b", "c"]
        made = bench.allocate_batch(cidr, owners)
        require_equal(made[1], held, "one that had an address was given")
        require_equal(bench.allocate_batch(cidr, owners[::-1]), made[::-1], "asked again, they got")
        bench.take_all(cidr)
        require_equal(bench.allocate_batch(cidr, owners), made, "asked when it was full, they got")
        with bench.refusing(SubnetExhausted, cidr):
            bench.allocate_batch(cidr, [*owners, "d"])


def each_empty_owner_of_a_batch_gets_another_address(bench: Bench) -> None:
    """Require that an owner that is listed twice gets one address."""
    for cidr in map(bench.open, BOTH):
        made = bench.allocate_batch(cidr, ["", "a", "", "b", "a", ""])
        require_equal(
            [allocation.owner for allocation in made],
            ["", "a", "", "b", "a", ""],
            "it was given to",
        )
        require_equal(made[4], made[1], "named a second time, it was given")
        require_equal(
            len({allocation.address for allocation in made}), 5, "different addresses of a batch"
        )
        more = bench.allocate_batch(cidr, ["", "a"])
        require(more[0] not in made, "a second empty owner got the address of the first")
        require_equal(bench.usage(cidr).allocated, 6, f"allocated of {cidr}")


def an_empty_batch_allocates_nothing(bench: Bench) -> None:
    """Require that it succeeds in an exhausted subnet too."""
    for cidr in map(bench.open, SMALL):
        require_equal(bench.allocate_batch(cidr, []), [], "an empty batch was given")
        bench.take_all(cidr)
        require_equal(bench.allocate_batch(cidr, []), [], "an empty batch was given")


def a_batch_follows_the_rules(bench: Bench) -> None:
    """Require that range and reservations apply as for one address."""
    for cidr in BOTH:
        rules = Subnet(cidr, range=Span(cidr[4], cidr[9]), reserved=(Span(cidr[5], cidr[7]),))
        subnet = bench.open(rules)
        with bench.refusing(SubnetExhausted, subnet):
            bench.allocate_batch(subnet, [""] * 4)
        made = bench.allocate_batch(subnet, ["a", "b", "c"])
        actual = sorted(allocation.address for allocation in made)
        require_equal(actual, [cidr[4], cidr[8], cidr[9]], "the addresses of a batch")


def a_refused_batch_learns_when_enough_addresses_are_free(bench: Bench) -> None:
    """Require that retry_after is the time until as many as it needs have cooled down."""
    subnets = [Subnet(cidr, range=Span(cidr[4], cidr[7]), cooldown=LONG) for cidr in BOTH]
    released = {}
    for subnet in subnets:
        bench.open(subnet)
        released[subnet] = bench.take(subnet, 3)[:2]
        bench.release(subnet, released[subnet][0])
    time.sleep(_APART)
    for subnet, (first, second) in released.items():
        before = time.monotonic()
        bench.release(subnet, second)
        bench.allocate_batch(subnet, ["a"])
        with bench.refusing(SubnetExhausted, subnet) as refusal:
            bench.allocate_batch(subnet, ["b", "c"])
        least = LONG - (time.monotonic() - before) - TOLERANCE
        require_between(least, refusal.error.retry_after, LONG, "retry_after")
        at_once = replace(subnet, cooldown=0)
        made = [allocation.address for allocation in bench.allocate_batch(at_once, ["b", "c"])]
        require_equal(made, [first, second], "reused in order were")


def a_large_batch_is_allocated_like_a_small_one(bench: Bench) -> None:
    """Allocate more addresses than a backend may store together."""
    cidr = BOTH[1]
    bench.open(cidr)
    made = bench.allocate_batch(cidr, [f"owner {number}" for number in range(_LARGE)])
    require_equal(len({allocation.address for allocation in made}), _LARGE, "different addresses")
    require_equal(bench.usage(cidr).allocated, _LARGE, f"allocated of {cidr}")
    again = bench.allocate_batch(cidr, [allocation.owner for allocation in made[-9:]])
    require_equal(again, made[-9:], "asked again, the last of a large batch got")
