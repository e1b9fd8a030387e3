"""Claims about restarts: every change that was answered is kept."""

import threading
from functools import partial
from pathlib import Path

from mynet.ipam.api import IPNetwork
from mynet.ipam.errors import SubnetNotFound
from mynet.ipam.testing.assertions import in_threads, require, require_equal
from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.samples import BOTH, SMALL, usable

_ROUNDS = 8


def allocations_are_the_same_after_a_restart(bench: Bench) -> None:
    """Compare all fields. Other callers do not get the addresses."""
    for subnet in map(bench.open, SMALL):
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


def releases_are_kept_after_a_restart(bench: Bench) -> None:
    """Require that a released address is free, and a closed subnet is not open."""
    first, second = BOTH
    for subnet in map(bench.open, BOTH):
        bench.release(subnet, bench.allocate(subnet, "a").address)
    bench.close(first)
    bench.restart()
    with bench.refusing(SubnetNotFound, first):
        bench.usage(first)
    require_equal(bench.usage(second).allocated, 0, f"after a restart, allocated of {second}")
    require_equal(bench.allocations(), [], "after a restart the allocations are")


def the_order_of_reuse_is_kept_after_a_restart(bench: Bench) -> None:
    """Require that a restart does not make a released address the next to be reused."""
    for subnet in map(bench.open, SMALL):
        for address in usable(subnet):
            bench.allocate(subnet, address=address)
        released = [usable(subnet)[number] for number in (7, 2, 11, 4)]
        for address in released:
            bench.release(subnet, address)
            bench.restart()
        reused = [bench.allocate(subnet).address for _ in released]
        require_equal(reused, released, "after restarts, reused in order were")


def revisions_grow_after_a_restart(bench: Bench) -> None:
    """Require that they grow even if no allocation has the newest revision any more."""
    for subnet in map(bench.open, BOTH):
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


def closing_releases_descriptors_and_threads(bench: Bench) -> None:
    """Count what is left of many backends, each of which was used by threads."""
    for subnet in BOTH:
        bench.open(subnet)
    before = _open_descriptors(), threading.active_count()
    for _ in range(_ROUNDS):
        bench.restart()
        in_threads([partial(_use, bench, subnet) for subnet in BOTH])
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
