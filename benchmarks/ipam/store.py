"""The bitmap backend in process: its speed at any fill level, and its memory."""

import gc
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

from benchmarks.measure import Line, benchmark, memory_mib, quantile, rate, rate_at_once
from mynet.ipam.api import (
    AllocateRequest,
    BackendContext,
    BatchRequest,
    Holding,
    Holdings,
    Subnet,
)
from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.bitmap.bits import PAGE_BITS, SparseBits
from mynet.ipam.testing import SampleCall
from mynet.server.config.settings import DEFAULT_POOLS
from mynet.server.model.subnets import SubnetCandidates, SubnetSize, SubnetSpec
from mynet.server.store import Store

CALL = SampleCall()
SUBNET = Subnet(ip_network("10.0.0.0/8"))
_FULL_PAGE = (1 << PAGE_BITS) - 1


@benchmark("ipam-durable")
def durable(folder: Path) -> Iterator[Line]:
    """Allocate addresses, each on the disk before it is returned."""
    backend = BitmapBackend(BackendContext("bench", folder))
    backend.open_subnet(CALL, SUBNET.cidr)

    def allocate(index: int) -> None:
        backend.allocate(CALL, AllocateRequest(SUBNET, owner=f"vm-{index}"))

    alone = rate(allocate, 3000)
    yield Line("1 caller, durable", alone, "allocations/s", "at least 2,000")
    together = rate_at_once(lambda index: allocate(index + 10**6), 32_000, 32)
    yield Line("32 callers, durable", together, "allocations/s", "at least 10,000")

    def allocate_batch(index: int) -> None:
        owners = [f"batch-{index}-{number}" for number in range(256)]
        backend.allocate_batch(CALL, BatchRequest(SUBNET, owners))

    batches = rate(allocate_batch, 100) * 256
    yield Line("BatchAllocate of 256, durable", batches, "addresses/s", "at least 50,000")
    backend.close()


@benchmark("ipam-search")
def search(_: Path) -> Iterator[Line]:
    """Find a free address in an empty and in a full pool."""
    for name, full_pages, free in (
        ("/8, empty", 0, 0),
        ("/8 with one free address, the last but one", 4096, (1 << 24) - 2),
        ("/64, empty", 0, 0),
        ("/64 whose first 2^24 addresses are taken", 4096, 1 << 24),
    ):
        bits = SparseBits()
        for number in range(full_pages):
            bits.put_page(number, _FULL_PAGE)
        if free < full_pages * PAGE_BITS:
            bits.clear(free)
        assert bits.next_clear(0) == free, name  # noqa: S101 - otherwise it measures another search
        best = min(_time_of(bits) for _ in range(7))
        goal = "within 5x of the empty one" if full_pages else ""
        yield Line(f"find a free address in a {name}", best * 1e6, "us", goal)


@benchmark("ipam-memory")
def memory(folder: Path) -> Iterator[Line]:
    """Open a store with a million allocations, spread evenly over a /8."""
    backend = BitmapBackend(BackendContext("bench", folder))
    step = (1 << 24) // 1_000_000
    for start in range(0, 1_000_000, 50_000):
        held = [
            Holding(SUBNET.cidr.network_address + 1 + number * step, f"vm-{number}")
            for number in range(start, start + 50_000)
        ]
        backend.load(CALL, [Holdings(SUBNET, held)])
    backend.close()
    del backend, held
    gc.collect()
    before, start_time = memory_mib(), time.perf_counter()
    again = BitmapBackend(BackendContext("bench", folder))
    again.allocate(CALL, AllocateRequest(SUBNET, owner="first"))
    yield Line(
        "open a store of 1,000,000 allocations", time.perf_counter() - start_time, "s", "under 3"
    )
    yield Line("memory of 1,000,000 allocations", memory_mib() - before, "MiB", "under 64")
    again.close()


@benchmark("ipam-choice")
def choice(folder: Path) -> Iterator[Line]:
    """Choose a subnet from the default pools beside ten thousand others."""
    store = Store(folder / "mynet.db")
    spec, candidates, now = (
        SubnetSpec(None, size=SubnetSize(4)),
        SubnetCandidates(DEFAULT_POOLS),
        datetime.now(UTC),
    )
    times = []
    for _ in range(10_000):
        start = time.perf_counter()
        store.subnets.add(spec, candidates, "bitmap", now, kept=True)
        times.append(time.perf_counter() - start)
    yield Line("choose a subnet, the first 100", quantile(sorted(times[:100]), 0.5) * 1e3, "ms p50")
    yield Line(
        "choose a subnet beside 10,000 others",
        quantile(sorted(times[-100:]), 0.5) * 1e3,
        "ms p50",
        "within 2x of the first",
    )
    store.close()


def _time_of(bits: SparseBits, number: int = 20_000) -> float:
    start = time.perf_counter()
    for _ in range(number):
        bits.next_clear(0)
    return (time.perf_counter() - start) / number
