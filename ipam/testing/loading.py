"""Claims about taking a book over from elsewhere: all of it, in one commit, or none."""

from collections.abc import Callable, Sequence
from ipaddress import ip_network

from mynet.ipam.api import Holding, IPAddress, Span, Subnet
from mynet.ipam.errors import (
    AddressInUse,
    AddressOutOfRange,
    AddressReserved,
    IpamError,
    SubnetNotFound,
)
from mynet.ipam.testing.bench import Bench, Ruled
from mynet.ipam.testing.samples import BOTH, SMALL, nobodys, outside, usable
from mynet.ipam.testing.stating import require_equal

_LONG = 600.0


def what_is_loaded_is_held(bench: Bench) -> None:
    """In subnets that were open as well as in those that are opened for it."""
    first, second = BOTH
    bench.open(first)
    kept = bench.allocate(first, "b", address=first[3])
    held = [
        _holding(first[9], "a"),
        Holding(first[7]),
        _holding(second[9], "a"),
        Holding(second[1]),
    ]
    bench.load((first, held[:2]), (second, held[2:]))
    for holding in held:
        (found,) = bench.allocations(address=holding.address)
        require_equal(_essence(found), _essence(holding), "loaded was")
        require_equal(found.instance, bench.context.instance, "the instance of what was loaded")
    require_equal(bench.allocations(owner="b"), [kept], "what was there is")
    for cidr, count in ((first, 3), (second, 2)):
        require_equal(bench.usage(cidr).allocated, count, f"allocated of {cidr}")


def what_is_loaded_is_as_if_it_had_been_allocated(bench: Bench) -> None:
    """Its owner gets it again, nobody else does, and it can be released."""
    for cidr in SMALL:
        bench.load((cidr, [_holding(cidr[1], "a"), Holding(cidr[5])]))
        held = bench.allocations(cidr)
        require_equal(bench.allocate(cidr, "a"), held[0], "its owner was given")
        with bench.refusing(AddressInUse, cidr[1], holder="a"):
            bench.allocate(cidr, "b", address=cidr[1])
        others = bench.take_all(cidr)
        require_equal(sorted([cidr[1], cidr[5], *others]), usable(cidr), f"{cidr} handed out")
        require_equal(bench.release(cidr, cidr[1], "a"), held[0], "released was")


def loading_twice_is_loading_once(bench: Bench) -> None:
    """For what an owner holds already stays as it is, with or without a name."""
    for cidr in BOTH:
        held = [_holding(cidr[5], "a"), Holding(cidr[6]), _holding(cidr[7], "a")]
        bench.load((cidr, held))
        before = bench.allocations(cidr)
        bench.load((cidr, [*held, *held]), (cidr, held))
        require_equal(bench.allocations(cidr), before, "loaded twice, the allocations are")
        bench.load((cidr, [Holding(cidr[5], "a", labels={"other": "labels"}), Holding(cidr[8])]))
        require_equal(bench.allocations(cidr)[:3], before, "loaded with more, they are")
        require_equal(bench.usage(cidr).allocated, 4, f"allocated of {cidr}")


def what_cannot_be_loaded_whole_is_not_loaded(bench: Bench) -> None:
    """Whatever is wrong with the last of it, and in whichever subnet."""
    for cidr in BOTH:
        bench.open(cidr)
        bench.allocate(cidr, "b", address=cidr[9])
        bench.allocate(cidr, address=cidr[10])
        subnet = Subnet(cidr, reserved=(Span(cidr[12], cidr[14]),))
        _require_refused(bench, subnet, Holding(cidr[9], "a"), AddressInUse, "b")
        _require_refused(bench, subnet, Holding(cidr[9]), AddressInUse, "b")
        _require_refused(bench, subnet, Holding(cidr[10], "a"), AddressInUse)
        _require_refused(bench, subnet, Holding(cidr[13], "a"), AddressReserved)
        for address in nobodys(cidr):
            _require_refused(bench, subnet, Holding(address, "a"), AddressReserved)
        for address in outside(cidr):
            _require_refused(bench, subnet, Holding(address, "a"), AddressOutOfRange)


def an_address_is_not_loaded_for_two(bench: Bench) -> None:
    """Named for both in one load, be it in one list or in two."""
    for cidr in BOTH:
        bench.open(cidr)
        one, other = Holding(cidr[5], "a"), Holding(cidr[5], "b")
        with bench.refusing(AddressInUse, cidr[5], holder="a"):
            bench.load((cidr, [Holding(cidr[4], "a"), one, other]))
        with bench.refusing(AddressInUse, cidr[5], holder="a"):
            bench.load((cidr, [Holding(cidr[4], "a"), one]), (cidr, [other]))


def the_range_does_not_bound_what_is_loaded(bench: Bench) -> None:
    """Nor does it matter that an address cools down: each is named."""
    for cidr in BOTH:
        subnet = bench.open(Subnet(cidr, range=Span(cidr[4], cidr[5]), cooldown=_LONG))
        bench.release(subnet, bench.allocate(subnet, address=cidr[4]).address)
        bench.load((subnet, [Holding(cidr[4], "a"), Holding(cidr[9], "a")]))
        found = [each.address for each in bench.allocations(cidr)]
        require_equal(found, [cidr[4], cidr[9]], "loaded were")
        require_equal(bench.usage(subnet).cooling, 0, "cooling, though it is held,")


def what_is_held_and_reserved_may_be_loaded_again(bench: Bench) -> None:
    """For it is held already: that it was reserved later changes nothing."""
    for cidr in BOTH:
        held = [Holding(cidr[5], "a"), Holding(cidr[6], "b")]
        bench.load((cidr, held))
        before = bench.allocations(cidr)
        bench.load((Subnet(cidr, reserved=(Span(cidr[5], cidr[5]),)), held))
        require_equal(bench.allocations(cidr), before, "loaded again, the allocations are")


def a_subnet_may_be_loaded_empty(bench: Bench) -> None:
    """Then it is open; and to load nothing at all is no mistake."""
    bench.load()
    for cidr in BOTH:
        bench.load((cidr, []))
        require_equal(bench.usage(cidr).allocated, 0, f"allocated of {cidr}")
        require_equal(bench.allocate(cidr, "a").owner, "a", "the owner of the first allocation")


def what_was_loaded_outlives_the_backend(bench: Bench) -> None:
    """To the last field."""
    for cidr in BOTH:
        bench.load((cidr, [_holding(cidr[5], "a"), Holding(cidr[6])]))
    before = bench.allocations()
    bench.restart()
    require_equal(bench.allocations(), before, "after a restart the allocations are")
    require_equal(len(before), 4, "the number of what was loaded")


def _require_refused(
    bench: Bench, subnet: Subnet, last: Holding, kind: type[IpamError], holder: str = ""
) -> None:
    """State that one bad holding keeps all of a load out, before it and behind it."""
    good, new = Holding(subnet.cidr[5], "a"), ip_network("198.18.7.0/24")
    loads: Sequence[Sequence[tuple[Ruled, Sequence[Holding]]]] = (
        [(subnet, [good, last])],
        [(new, [Holding(new[5], "a")]), (subnet, [good, last])],
        [(subnet, [last, good]), (new, [Holding(new[5], "a")])],
    )
    for holdings in loads:
        with bench.refusing(kind, last.address, holder=holder):
            bench.load(*holdings)
        with bench.refusing(SubnetNotFound, new):
            bench.usage(new)


def _holding(address: IPAddress, owner: str) -> Holding:
    return Holding(address, owner, f"key of {address}", {"of": f"{address}"})


def _essence(held: object) -> object:
    """Return what an allocation and a holding have in common."""
    return [getattr(held, name) for name in ("address", "owner", "sticky_key", "labels")]


CLAIMS: Sequence[Callable[[Bench], None]] = (
    what_is_loaded_is_held,
    what_is_loaded_is_as_if_it_had_been_allocated,
    loading_twice_is_loading_once,
    what_cannot_be_loaded_whole_is_not_loaded,
    an_address_is_not_loaded_for_two,
    the_range_does_not_bound_what_is_loaded,
    what_is_held_and_reserved_may_be_loaded_again,
    a_subnet_may_be_loaded_empty,
    what_was_loaded_outlives_the_backend,
)
