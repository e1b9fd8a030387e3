"""Claims about loading given allocations: all of them in one commit, or none."""

from ipaddress import ip_network

from mynet.ipam.api import Holding, IPAddress, Span, Subnet
from mynet.ipam.errors import (
    AddressInUse,
    AddressOutOfRange,
    AddressReserved,
    IpamError,
    SubnetNotFound,
)
from mynet.ipam.testing.assertions import require_equal
from mynet.ipam.testing.bench import Bench, Ruled
from mynet.ipam.testing.samples import BOTH, LONG, SMALL, never_handed_out, outside, usable


def a_loaded_address_is_allocated(bench: Bench) -> None:
    """Load into an open subnet and into one that the load opens."""
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
        (actual,) = bench.allocations(address=holding.address)
        require_equal(_common_fields(actual), _common_fields(holding), "loaded was")
        require_equal(actual.instance, bench.context.instance, "the instance of what was loaded")
    require_equal(bench.allocations(owner="b"), [kept], "what was there is")
    for cidr, count in ((first, 3), (second, 2)):
        require_equal(bench.usage(cidr).allocated, count, f"allocated of {cidr}")


def a_loaded_address_behaves_like_an_allocated_one(bench: Bench) -> None:
    """Require that its owner gets it again, other owners do not, and it can be released."""
    for cidr in SMALL:
        bench.load((cidr, [_holding(cidr[1], "a"), Holding(cidr[5])]))
        held = bench.allocations(cidr)
        require_equal(bench.allocate(cidr, "a"), held[0], "its owner was given")
        with bench.refusing(AddressInUse, cidr[1], holder="a"):
            bench.allocate(cidr, "b", address=cidr[1])
        others = bench.take_all(cidr)
        require_equal(sorted([cidr[1], cidr[5], *others]), usable(cidr), f"{cidr} handed out")
        require_equal(bench.release(cidr, cidr[1], "a"), held[0], "released was")


def a_repeated_load_changes_nothing(bench: Bench) -> None:
    """Require that an address that its owner has already stays as it is, also without an owner."""
    for cidr in BOTH:
        held = [_holding(cidr[5], "a"), Holding(cidr[6]), _holding(cidr[7], "a")]
        bench.load((cidr, held))
        before = bench.allocations(cidr)
        bench.load((cidr, [*held, *held]), (cidr, held))
        require_equal(bench.allocations(cidr), before, "loaded twice, the allocations are")
        bench.load((cidr, [Holding(cidr[5], "a", labels={"other": "labels"}), Holding(cidr[8])]))
        require_equal(bench.allocations(cidr)[:3], before, "loaded with more, they are")
        require_equal(bench.usage(cidr).allocated, 4, f"allocated of {cidr}")


def a_load_with_an_error_loads_nothing(bench: Bench) -> None:
    """Load with one bad address, in the first or in the second subnet."""
    for cidr in map(bench.open, BOTH):
        bench.allocate(cidr, "b", address=cidr[9])
        bench.allocate(cidr, address=cidr[10])
        subnet = Subnet(cidr, reserved=(Span(cidr[12], cidr[14]),))
        _require_refused(bench, subnet, Holding(cidr[9], "a"), AddressInUse, "b")
        _require_refused(bench, subnet, Holding(cidr[9]), AddressInUse, "b")
        _require_refused(bench, subnet, Holding(cidr[10], "a"), AddressInUse)
        _require_refused(bench, subnet, Holding(cidr[13], "a"), AddressReserved)
        for address in never_handed_out(cidr):
            _require_refused(bench, subnet, Holding(address, "a"), AddressReserved)
        for address in outside(cidr):
            _require_refused(bench, subnet, Holding(address, "a"), AddressOutOfRange)


def an_address_is_not_loaded_for_two_owners(bench: Bench) -> None:
    """Load both in one list, and in two lists of one load."""
    for cidr in map(bench.open, BOTH):
        one, other = Holding(cidr[5], "a"), Holding(cidr[5], "b")
        with bench.refusing(AddressInUse, cidr[5], holder="a"):
            bench.load((cidr, [Holding(cidr[4], "a"), one, other]))
        with bench.refusing(AddressInUse, cidr[5], holder="a"):
            bench.load((cidr, [Holding(cidr[4], "a"), one]), (cidr, [other]))


def a_load_ignores_range_and_cooldown(bench: Bench) -> None:
    """Load addresses outside the range, and one that is cooling."""
    for cidr in BOTH:
        subnet = bench.open(Subnet(cidr, range=Span(cidr[4], cidr[5]), cooldown=LONG))
        bench.release(subnet, bench.allocate(subnet, address=cidr[4]).address)
        bench.load((subnet, [Holding(cidr[4], "a"), Holding(cidr[9], "a")]))
        actual = [allocation.address for allocation in bench.allocations(cidr)]
        require_equal(actual, [cidr[4], cidr[9]], "loaded were")
        require_equal(bench.usage(subnet).cooling, 0, "cooling, though it is held,")


def an_allocated_address_that_is_reserved_may_be_loaded_again(bench: Bench) -> None:
    """Require that a later reservation does not matter."""
    for cidr in BOTH:
        held = [Holding(cidr[5], "a"), Holding(cidr[6], "b")]
        bench.load((cidr, held))
        before = bench.allocations(cidr)
        bench.load((Subnet(cidr, reserved=(Span(cidr[5], cidr[5]),)), held))
        require_equal(bench.allocations(cidr), before, "loaded again, the allocations are")


def an_empty_load_opens_the_subnet(bench: Bench) -> None:
    """Require that a load without subnets succeeds too."""
    bench.load()
    for cidr in BOTH:
        bench.load((cidr, []))
        require_equal(bench.usage(cidr).allocated, 0, f"allocated of {cidr}")
        require_equal(bench.allocate(cidr, "a").owner, "a", "the owner of the first allocation")


def loaded_addresses_are_the_same_after_a_restart(bench: Bench) -> None:
    """Compare all fields."""
    for cidr in BOTH:
        bench.load((cidr, [_holding(cidr[5], "a"), Holding(cidr[6])]))
    before = bench.allocations()
    bench.restart()
    require_equal(bench.allocations(), before, "after a restart the allocations are")
    require_equal(len(before), 4, "the number of what was loaded")


def _require_refused(
    bench: Bench, subnet: Subnet, last: Holding, kind: type[IpamError], holder: str = ""
) -> None:
    """Require that one bad holding makes a load fail, wherever it is in it."""
    good, new = Holding(subnet.cidr[5], "a"), ip_network("198.18.7.0/24")
    loads: list[list[tuple[Ruled, list[Holding]]]] = [
        [(subnet, [good, last])],
        [(new, [Holding(new[5], "a")]), (subnet, [good, last])],
        [(subnet, [last, good]), (new, [Holding(new[5], "a")])],
    ]
    for holdings in loads:
        with bench.refusing(kind, last.address, holder=holder):
            bench.load(*holdings)
        with bench.refusing(SubnetNotFound, new):
            bench.usage(new)


def _holding(address: IPAddress, owner: str) -> Holding:
    return Holding(address, owner, f"key of {address}", {"of": f"{address}"})


def _common_fields(held: object) -> object:
    """Return the fields that allocations and holdings have in common."""
    return [getattr(held, name) for name in ("address", "owner", "sticky_key", "labels")]
