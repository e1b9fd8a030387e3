"""Claims about what outlives a backend: all that was answered, in the order that it was in."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from mynet.ipam.api import IPNetwork
from mynet.ipam.errors import SubnetNotFound
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, SMALL, usable
from mynet.ipam.testing.stating import at_once, require, require_equal

_ROUNDS = 8


def allocations_outlive_the_backend(bench: Bench) -> None:
    """To the last field, and nobody else gets their addresses."""
    for subnet in SMALL:
        bench.open(subnet)
        bench.allocate(subnet, "a")
        bench.allocate(subnet)
        taken = bench.allocate(subnet, "b").address
        bench.allocate(subnet, "c", address=taken, take_from="b")
    before = bench.allocations()
    for _ in range(2):
        bench.restart()
        require_equal(bench.allocations(), before, "after a restart the allocations are")
    for subnet in SMALL:
        require_equal(bench.usage(subnet).allocated, 3, f"after a restart, allocated of {subnet}")
        held = bench.allocations(subnet)
        require(
            bench.allocate(subnet, "a") in held, "after a restart an owner does not get its own"
        )
        others = {bench.allocate(subnet).address for _ in range(len(usable(subnet)) - len(held))}
        twice = others & {allocation.address for allocation in held}
        require(not twice, f"after a restart {twice} were handed out again")


def releases_outlive_the_backend(bench: Bench) -> None:
    """So that what was given back is free, and what was closed is not open."""
    first, second = BOTH
    for subnet in BOTH:
        bench.open(subnet)
        bench.release(subnet, bench.allocate(subnet, "a").address)
    bench.close(first)
    bench.restart()
    with bench.refusing(SubnetNotFound, first):
        bench.usage(first)
    require_equal(bench.usage(second).allocated, 0, f"after a restart, allocated of {second}")
    require_equal(bench.allocations(), [], "after a restart the allocations are")


def the_order_of_reuse_outlives_the_backend(bench: Bench) -> None:
    """For a restart is no reason to reuse an address at once."""
    for subnet in SMALL:
        bench.open(subnet)
        for address in usable(subnet):
            bench.allocate(subnet, address=address)
        released = [usable(subnet)[number] for number in (7, 2, 11, 4)]
        for address in released:
            bench.release(subnet, address)
            bench.restart()
        reused = [bench.allocate(subnet).address for _ in released]
        require_equal(reused, released, "after restarts, reused in order were")


def revisions_grow_over_a_restart(bench: Bench) -> None:
    """Also where the newest of them is no allocation's any more."""
    for subnet in BOTH:
        bench.open(subnet)
        for _ in range(3):
            newest = bench.allocate(subnet, "a")
            bench.release(subnet, newest.address)
            bench.restart()
            after = bench.allocate(subnet, "b")
            require(
                after.revision > newest.revision,
                f"revision {newest.revision} is followed by {after.revision} after a restart",
            )
            bench.release(subnet, after.address)


def closing_lets_go_of_descriptors_and_threads(bench: Bench) -> None:
    """Add up what is left of many backends, each of which was used by threads."""
    for subnet in BOTH:
        bench.open(subnet)
    before = _open_descriptors(), threading.active_count()
    for _ in range(_ROUNDS):
        bench.restart()
        at_once([partial(_use, bench, subnet) for subnet in BOTH])
    bench.restart()
    after = _open_descriptors(), threading.active_count()
    for what, old, new in zip(("file descriptors", "threads"), before, after, strict=True):
        require(new - old < _ROUNDS, f"{_ROUNDS} backends were closed and left {new - old} {what}")


def _use(bench: Bench, subnet: IPNetwork) -> None:
    held = bench.allocate(subnet, "a")
    require_equal(bench.allocations(subnet), [held], f"{subnet} has")
    bench.release(subnet, held.address)


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


CLAIMS: Sequence[Callable[[Bench], None]] = (
    allocations_outlive_the_backend,
    releases_outlive_the_backend,
    the_order_of_reuse_outlives_the_backend,
    revisions_grow_over_a_restart,
    closing_lets_go_of_descriptors_and_threads,
)
