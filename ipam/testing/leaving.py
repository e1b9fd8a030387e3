"""Claims about an owner that gives back all it has, wherever it has it."""

from collections.abc import Callable, Sequence

from mynet.ipam.api import Subnet
from mynet.ipam.errors import SubnetExhausted
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, SMALL, usable
from mynet.ipam.testing.stating import require, require_equal

_LONG = 600.0


def an_owner_gives_back_all_it_has(bench: Bench) -> None:
    """Of every subnet; the answer is what it had, and others keep theirs."""
    for cidr in BOTH:
        bench.open(cidr)
        for number, owner in enumerate(("a", "b", "a", "", "A", "a"), start=3):
            bench.allocate(cidr, owner, address=cidr[number])
    held = bench.allocations(owner="a")
    others = [each for each in bench.allocations() if each.owner != "a"]
    released = bench.release_owner("a")
    released.sort(key=lambda each: (each.address.version, int(each.address)))
    require_equal(released, held, "released was")
    require_equal(bench.allocations(), others, "what is left is")
    for cidr in BOTH:
        require_equal(bench.usage(cidr).allocated, 3, f"allocated of {cidr}")


def who_has_nothing_gives_nothing_back(bench: Bench) -> None:
    """Because it never had, or gave it back already: that is success."""
    for cidr in BOTH:
        bench.open(cidr)
        held = bench.allocate(cidr, "b")
        require_equal(bench.release_owner("a"), [], "released was")
        require_equal(bench.release_owner("b"), [held], "released was")
        require_equal(bench.release_owner("b"), [], "released, the second time, was")


def several_owners_give_back_all_they_have(bench: Bench) -> None:
    """In any order, one that has nothing and one that is named twice among them."""
    for cidr in BOTH:
        bench.open(cidr)
        bench.allocate_batch(cidr, ["a", "b", "c", "a", ""])
    kept = [each for each in bench.allocations() if each.owner not in {"a", "c"}]
    held = [each for each in bench.allocations() if each.owner in {"a", "c"}]
    require_equal(bench.release_owners(), [], "released of nobody was")
    released = bench.release_owners("c", "nobody", "a", "c")
    released.sort(key=lambda each: (each.address.version, int(each.address)))
    require_equal(released, held, "released was")
    require_equal(bench.allocations(), kept, "what is left is")


def what_is_given_back_together_cools_down(bench: Bench) -> None:
    """As if each had been released alone; and afterwards all of it is free."""
    for cidr in SMALL:
        subnet = bench.open(Subnet(cidr, cooldown=_LONG))
        for address in usable(cidr):
            bench.allocate(subnet, "a", address=address)
        count = len(bench.release_owner("a"))
        require_equal(bench.usage(subnet).cooling, count, f"cooling of {cidr}")
        with bench.refusing(SubnetExhausted, subnet) as refusal:
            bench.allocate(subnet)
        require(refusal.error.retry_after > 0, "retry_after says that waiting is no help")
        require_equal(set(bench.take_all(cidr)), set(usable(cidr)), f"{cidr} handed out again")


def what_is_given_back_together_stays_so(bench: Bench) -> None:
    """After a restart it is nobody's."""
    for cidr in BOTH:
        bench.open(cidr)
        bench.allocate_batch(cidr, ["a", "b"])
    kept = bench.allocations(owner="b")
    bench.release_owner("a")
    bench.restart()
    require_equal(bench.allocations(), kept, "after a restart the allocations are")


CLAIMS: Sequence[Callable[[Bench], None]] = (
    an_owner_gives_back_all_it_has,
    who_has_nothing_gives_nothing_back,
    several_owners_give_back_all_they_have,
    what_is_given_back_together_cools_down,
    what_is_given_back_together_stays_so,
)
