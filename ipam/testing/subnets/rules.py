"""Claims about a subnet's rules: range and reserved addresses."""

import time
from dataclasses import replace
from ipaddress import IPv6Network

from mynet.ipam.api import IPAddress, IPNetwork, Span, Subnet
from mynet.ipam.errors import AddressReserved, SubnetExhausted
from mynet.ipam.testing.assertions import require, require_between, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, SMALL, usable

_MANY = 1500  # spans
# CPU time, so that other programs do not matter. A backend that steps through spans needs far more.
_CPU_SECONDS = 0.5


def addresses_are_chosen_from_the_range(bench: Bench) -> None:
    """Require that the subnet is exhausted when its range is, although other addresses are free."""
    for cidr in BOTH:
        subnet = bench.open(Subnet(cidr, range=Span(cidr[4], cidr[6])))
        require_equal(
            sorted(bench.take(subnet, 3)), [cidr[4], cidr[5], cidr[6]], "chosen from a range were"
        )
        for owner in ("", "a"):
            with bench.refusing(SubnetExhausted, subnet):
                bench.allocate(subnet, owner)


def an_address_outside_the_range_is_allocated_by_name(bench: Bench) -> None:
    """Require that its owner gets it again when it asks for any address."""
    for cidr in BOTH:
        subnet = bench.open(Subnet(cidr, range=Span(cidr[4], cidr[6])))
        for number in (1, 3, 7, 200):
            held = bench.allocate(subnet, f"owner {number}", address=cidr[number])
            require_equal(held.address, cidr[number], "asked for outside the range, it gave")
            require_equal(bench.allocate(subnet, held.owner), held, "its owner was given")


def a_released_address_outside_the_range_is_not_chosen(bench: Bench) -> None:
    """Require that it is not chosen even if it is the only free address."""
    for cidr in SMALL:
        subnet = bench.open(Subnet(cidr, range=Span(cidr[4], cidr[6])))
        for number in (3, 7):
            bench.allocate(subnet, address=cidr[number])
            bench.release(subnet, cidr[number])
        require_equal(
            set(bench.take_all(subnet)), {cidr[4], cidr[5], cidr[6]}, "chosen from a range were"
        )


def a_reserved_address_is_not_chosen(bench: Bench) -> None:
    """Reserve an address, a subnet and a span. Neither unused nor released addresses are chosen."""
    for cidr in SMALL:
        subnet = bench.open(_reserving(cidr))
        expected = [address for address in usable(cidr) if _is_free(subnet, address)]
        taken = bench.take_all(subnet)
        require_equal(sorted(taken), expected, f"{cidr} handed out")
        for address in taken:
            bench.release(subnet, address)
        require_equal(bench.take_all(subnet), taken, f"{cidr} handed out, the second time,")


def a_reserved_address_is_not_allocated_by_name(bench: Bench) -> None:
    """Require that it is refused with and without an owner."""
    for cidr in SMALL:
        subnet = bench.open(_reserving(cidr))
        for address in usable(cidr):
            if not _is_free(subnet, address):
                for owner in ("", "a"):
                    with bench.refusing(AddressReserved, address):
                        bench.allocate(subnet, owner, address=address)


def an_allocated_address_that_becomes_reserved_stays_allocated(bench: Bench) -> None:
    """Require that its owner keeps it until it releases it. Afterwards it is not handed out."""
    for cidr in map(bench.open, SMALL):
        held = bench.allocate(cidr, "a", address=cidr[5])
        subnet = _reserving(cidr)
        require_equal(bench.allocate(subnet, "a"), held, "its owner was given")
        again = bench.allocate(subnet, "a", address=cidr[5])
        require_equal(again, held, "its owner, asking for it, was given")
        require_equal(bench.release(subnet, cidr[5]), held, "released was")
        with bench.refusing(AddressReserved, cidr[5]):
            bench.allocate(subnet, "a", address=cidr[5])
        require(cidr[5] not in bench.take_all(subnet), f"{cidr[5]}, which is reserved, was chosen")


def an_address_that_is_no_longer_reserved_is_handed_out(bench: Bench) -> None:
    """Require that the rules of each request apply."""
    for cidr in SMALL:
        subnet = bench.open(_reserving(cidr))
        taken = bench.take_all(subnet)
        more = bench.take_all(replace(subnet, reserved=()))
        require_equal(sorted([*taken, *more]), usable(cidr), f"{cidr} handed out")


def a_subnet_whose_addresses_are_all_reserved_is_exhausted(bench: Bench) -> None:
    """Reserve all of the subnet, and all of its range."""
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


def large_reserved_spans_cost_no_time(bench: Bench) -> None:
    """Require that a backend does not step through them, to choose an address or to count."""
    cidr = IPv6Network("fd6d:796e:6574:3::/64")
    behind = 1 << 63
    subnet = Subnet(
        cidr, reserved=(Span(cidr[0], cidr[behind - 1]), Span(cidr[behind + 9], cidr[-1]))
    )
    bench.open(subnet)
    start = time.process_time()
    require_equal(
        sorted(bench.take_all(subnet)),
        [cidr[behind + number] for number in range(9)],
        "between two large spans it chose",
    )
    usage = bench.usage(subnet)
    require_equal((usage.reserved, usage.free), ((1 << 64) - 10, 0), "reserved and free")
    require_between(0, time.process_time() - start, _CPU_SECONDS, "the seconds of CPU that it took")


def many_reserved_spans_are_supported(bench: Bench) -> None:
    """Allocate and count with more spans than fit into one SQL statement."""
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
    """Return rules that reserve a subnet, an address and a span, in no order."""
    return Subnet(
        cidr, reserved=(Span(cidr[8], cidr[11]), Span(cidr[5], cidr[5]), Span(cidr[1], cidr[3]))
    )


def _is_free(subnet: Subnet, address: IPAddress) -> bool:
    return not any(address in span for span in subnet.reserved)
