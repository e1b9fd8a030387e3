"""Claims about the release of all addresses of an owner."""

from mynet.ipam.api import Subnet
from mynet.ipam.errors import SubnetExhausted
from mynet.ipam.testing.assertions import require, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, LONG, SMALL, usable


def release_owner_releases_all_addresses_of_an_owner(bench: Bench) -> None:
    """Require that it releases in every subnet and returns the allocations.

    Other owners keep theirs.
    """
    for cidr in map(bench.open, BOTH):
        for number, owner in enumerate(("a", "b", "a", "", "A", "a"), start=3):
            bench.allocate(cidr, owner, address=cidr[number])
    held = bench.allocations(owner="a")
    others = [allocation for allocation in bench.allocations() if allocation.owner != "a"]
    released = bench.release_owner("a")
    released.sort(key=lambda allocation: (allocation.address.version, int(allocation.address)))
    require_equal(released, held, "released was")
    require_equal(bench.allocations(), others, "what is left is")
    for cidr in BOTH:
        require_equal(bench.usage(cidr).allocated, 3, f"allocated of {cidr}")


def release_owner_succeeds_for_an_owner_without_addresses(bench: Bench) -> None:
    """Release an owner that never had any, and one a second time."""
    for cidr in map(bench.open, BOTH):
        held = bench.allocate(cidr, "b")
        require_equal(bench.release_owner("a"), [], "released was")
        require_equal(bench.release_owner("b"), [held], "released was")
        require_equal(bench.release_owner("b"), [], "released, the second time, was")


def release_owners_releases_all_addresses_of_each_owner(bench: Bench) -> None:
    """Name the owners in any order, with an unknown and a repeated one."""
    for cidr in map(bench.open, BOTH):
        bench.allocate_batch(cidr, ["a", "b", "c", "a", ""])
    kept = [allocation for allocation in bench.allocations() if allocation.owner not in {"a", "c"}]
    held = [allocation for allocation in bench.allocations() if allocation.owner in {"a", "c"}]
    require_equal(bench.release_owners(), [], "released, for no owners, was")
    released = bench.release_owners("c", "unknown", "a", "c")
    released.sort(key=lambda allocation: (allocation.address.version, int(allocation.address)))
    require_equal(released, held, "released was")
    require_equal(bench.allocations(), kept, "what is left is")


def addresses_released_together_cool_down(bench: Bench) -> None:
    """Require that they cool down as if each had been released alone."""
    for cidr in SMALL:
        subnet = bench.open(Subnet(cidr, cooldown=LONG))
        for address in usable(cidr):
            bench.allocate(subnet, "a", address=address)
        count = len(bench.release_owner("a"))
        require_equal(bench.usage(subnet).cooling, count, f"cooling of {cidr}")
        with bench.refusing(SubnetExhausted, subnet) as refusal:
            bench.allocate(subnet)
        require(refusal.error.retry_after > 0, "retry_after says that waiting is no help")
        require_equal(set(bench.take_all(cidr)), set(usable(cidr)), f"{cidr} handed out again")


def addresses_released_together_stay_released_after_a_restart(bench: Bench) -> None:
    """Require that another owner keeps its addresses."""
    for cidr in map(bench.open, BOTH):
        bench.allocate_batch(cidr, ["a", "b"])
    kept = bench.allocations(owner="b")
    bench.release_owner("a")
    bench.restart()
    require_equal(bench.allocations(), kept, "after a restart the allocations are")
