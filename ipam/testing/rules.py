"""Claims about a subnet's rules: what is chosen, and what is never handed out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv6Network

from mynet.ipam.api import IPAddress, IPNetwork, Span, Subnet
from mynet.ipam.errors import AddressReserved, SubnetExhausted
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, SMALL, usable
from mynet.ipam.testing.stating import require, require_between, require_equal

_MANY = 1500  # spans
_SOON = 2.0  # seconds


def a_range_bounds_what_is_chosen(bench: Bench) -> None:
    """Where all of it is held, the subnet counts as exhausted, though others are free."""
    for cidr in BOTH:
        subnet = bench.open(Subnet(cidr, range=Span(cidr[4], cidr[6])))
        require_equal(
            sorted(bench.take(subnet, 3)), [cidr[4], cidr[5], cidr[6]], "chosen from a range were"
        )
        for owner in ("", "a"):
            with bench.refusing(SubnetExhausted, subnet):
                bench.allocate(subnet, owner)


def an_address_outside_the_range_is_had_by_name(bench: Bench) -> None:
    """For it bounds only what is chosen; and who has it gets it again."""
    for cidr in BOTH:
        subnet = bench.open(Subnet(cidr, range=Span(cidr[4], cidr[6])))
        for number in (1, 3, 7, 200):
            held = bench.allocate(subnet, f"owner {number}", address=cidr[number])
            require_equal(held.address, cidr[number], "asked for outside the range, it gave")
            require_equal(bench.allocate(subnet, held.owner), held, "its owner was given")


def what_is_released_outside_the_range_is_not_chosen(bench: Bench) -> None:
    """Not even where it is all that is free."""
    for cidr in SMALL:
        subnet = bench.open(Subnet(cidr, range=Span(cidr[4], cidr[6])))
        for number in (3, 7):
            bench.allocate(subnet, address=cidr[number])
            bench.release(subnet, cidr[number])
        require_equal(
            set(bench.take_all(subnet)), {cidr[4], cidr[5], cidr[6]}, "chosen from a range were"
        )


def what_the_rules_reserve_is_not_chosen(bench: Bench) -> None:
    """Be it an address, a subnet or a span; neither when fresh nor when it was released."""
    for cidr in SMALL:
        subnet = bench.open(_reserving(cidr))
        expected = [address for address in usable(cidr) if _is_free(subnet, address)]
        taken = bench.take_all(subnet)
        require_equal(sorted(taken), expected, f"{cidr} handed out")
        for address in taken:
            bench.release(subnet, address)
        require_equal(bench.take_all(subnet), taken, f"{cidr} handed out, the second time,")


def what_the_rules_reserve_is_not_had_by_name(bench: Bench) -> None:
    """Whoever asks for it."""
    for cidr in SMALL:
        subnet = bench.open(_reserving(cidr))
        for address in usable(cidr):
            if not _is_free(subnet, address):
                for owner in ("", "a"):
                    with bench.refusing(AddressReserved, address):
                        bench.allocate(subnet, owner, address=address)


def what_is_held_when_it_is_reserved_stays_its_owners(bench: Bench) -> None:
    """Until it is released; then nobody gets it any more."""
    for cidr in SMALL:
        bench.open(cidr)
        held = bench.allocate(cidr, "a", address=cidr[5])
        subnet = _reserving(cidr)
        require_equal(bench.allocate(subnet, "a"), held, "its owner was given")
        again = bench.allocate(subnet, "a", address=cidr[5])
        require_equal(again, held, "its owner, asking for it, was given")
        require_equal(bench.release(subnet, cidr[5]), held, "released was")
        with bench.refusing(AddressReserved, cidr[5]):
            bench.allocate(subnet, "a", address=cidr[5])
        require(cidr[5] not in bench.take_all(subnet), f"{cidr[5]}, which is reserved, was chosen")


def what_is_reserved_no_longer_is_handed_out(bench: Bench) -> None:
    """For the rules are those of each request."""
    for cidr in SMALL:
        subnet = bench.open(_reserving(cidr))
        taken = bench.take_all(subnet)
        more = bench.take_all(replace(subnet, reserved=()))
        require_equal(sorted([*taken, *more]), usable(cidr), f"{cidr} handed out")


def a_subnet_may_reserve_all_it_has(bench: Bench) -> None:
    """Or all of its range: then nothing is chosen."""
    for cidr in BOTH:
        whole, part = Span(cidr[0], cidr[-1]), Span(cidr[2], cidr[9])
        bench.open(cidr)
        for subnet in (
            Subnet(cidr, reserved=(whole,)),
            Subnet(cidr, range=part, reserved=(whole,)),
            Subnet(cidr, range=part, reserved=(Span(cidr[1], cidr[5]), Span(cidr[6], cidr[12]))),
        ):
            with bench.refusing(SubnetExhausted, subnet) as refusal:
                bench.allocate(subnet)
            require_equal(refusal.error.retry_after, 0, "retry_after, where all is reserved")


def large_reserved_spans_cost_nothing(bench: Bench) -> None:
    """They are not gone through, neither for a choice nor for a count."""
    cidr = IPv6Network("fd6d:796e:6574:3::/64")
    behind = 1 << 63
    subnet = Subnet(
        cidr, reserved=(Span(cidr[0], cidr[behind - 1]), Span(cidr[behind + 9], cidr[-1]))
    )
    bench.open(subnet)
    start = time.monotonic()
    require_equal(
        sorted(bench.take_all(subnet)),
        [cidr[behind + number] for number in range(9)],
        "between two large spans it chose",
    )
    usage = bench.usage(subnet)
    require_equal((usage.reserved, usage.free), ((1 << 64) - 10, 0), "reserved and free")
    require_between(0, time.monotonic() - start, _SOON, "the seconds that all of it took")


def many_reserved_spans_are_no_trouble(bench: Bench) -> None:
    """Nor are they a reason to fail."""
    for cidr in (IPv6Network("fd6d:796e:6574:4::/64"), IPv6Network("fd6d:796e:6574:5::/116")):
        odd = tuple(Span(cidr[2 * number + 1], cidr[2 * number + 1]) for number in range(_MANY))
        subnet = bench.open(Subnet(cidr, reserved=odd))
        expected = [cidr[2], cidr[4], cidr[6]]
        require_equal(bench.take(subnet, 3), expected, "between many spans it chose")
        bench.release(subnet, cidr[4])
        require_equal(bench.usage(subnet).reserved, _MANY, "reserved")
        narrow = replace(subnet, range=Span(cidr[1], cidr[6]))
        require_equal(bench.take(narrow, 1), [cidr[4]], "between many spans it chose again")


def _reserving(cidr: IPNetwork) -> Subnet:
    """Reserve a subnet, an address and a span, in no order."""
    return Subnet(
        cidr, reserved=(Span(cidr[8], cidr[11]), Span(cidr[5], cidr[5]), Span(cidr[1], cidr[3]))
    )


def _is_free(subnet: Subnet, address: IPAddress) -> bool:
    return not any(address in span for span in subnet.reserved)


CLAIMS: Sequence[Callable[[Bench], None]] = (
    a_range_bounds_what_is_chosen,
    an_address_outside_the_range_is_had_by_name,
    what_is_released_outside_the_range_is_not_chosen,
    what_the_rules_reserve_is_not_chosen,
    what_the_rules_reserve_is_not_had_by_name,
    what_is_held_when_it_is_reserved_stays_its_owners,
    what_is_reserved_no_longer_is_handed_out,
    a_subnet_may_reserve_all_it_has,
    large_reserved_spans_cost_nothing,
    many_reserved_spans_are_no_trouble,
)
