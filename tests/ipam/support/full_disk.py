"""A bitmap backend on a small file system, for test_bitmap_disk.py, in a mount namespace.

``python -m tests.ipam.support.full_disk FOLDER SCENARIO`` mounts a tmpfs over the folder. It prints
the traceback of a failure, and otherwise nothing.
"""

import subprocess
import sys
import traceback
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from mynet.ipam.api import Holding, Subnet
from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.errors import IpamError, StoreUnavailable
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.audit import audit
from tests.ipam.support.databases import contents

SUBNET = Subnet(ip_network("10.1.0.0/16"), cooldown=0.01, retention=600.0)
LABELS = {"of": "x" * 4000}
EMPTY = ip_network("10.3.0.0/16")


def fill(folder: Path, leaving: int = 0) -> None:
    """Fill the file system, but for so many bytes."""
    with (folder / "ballast").open("ab", buffering=0) as ballast:
        for size in (65536, 4096, 1):
            try:
                while ballast.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
        ballast.truncate(ballast.tell() - leaving)


def make_room(folder: Path) -> None:
    (folder / "ballast").unlink()


def allocate_until_full(bench: Bench, name: str) -> list[str]:
    """Allocate until the disk is full; return the owners that got an address."""
    owners: list[str] = []
    while True:
        owner = f"{name} {len(owners)}"
        try:
            bench.allocate(SUBNET, owner, sticky_key="k", labels=LABELS)
        except StoreUnavailable as refusal:
            assert "Nothing was changed" in str(refusal)  # noqa: PT017 - it is known to be raised
            return owners
        owners.append(owner)


def a_disk_that_fills_up(folder: Path) -> None:
    """Every verb is refused and changes nothing; all of them work again when there is room."""
    bench = Bench(BitmapBackend, folder)
    bench.start()
    bench.open(SUBNET)
    bench.open(EMPTY)
    owners: list[str] = []
    for name in ("first", "second"):
        fill(folder, leaving=300_000)
        owners += allocate_until_full(bench, name)
        fill(folder)
        held = bench.allocations()
        assert [allocation.owner for allocation in held] == owners
        usage = bench.usage(SUBNET)
        refused: list[Callable[[], object]] = [
            lambda: bench.allocate(SUBNET, "a", labels=LABELS),
            lambda: bench.allocate_batch(SUBNET, [f"b {number}" for number in range(99)], LABELS),
            lambda: bench.load((SUBNET, [Holding(SUBNET.cidr[-2], "c", labels=LABELS)])),
            lambda: bench.open(ip_network("10.2.0.0/16")),
            lambda: bench.close(EMPTY),
        ]
        for call in refused:
            with pytest.raises(StoreUnavailable):
                call()
            assert bench.allocations() == held
            assert bench.usage(SUBNET) == usage
        make_room(folder)
        owners.append(bench.allocate(SUBNET, f"{name}, with room", labels=LABELS).owner)
    held = bench.allocations()
    assert len(owners) > 10
    assert [allocation.owner for allocation in held] == owners
    assert len({allocation.address for allocation in held}) == len(owners)
    bench.restart()
    assert bench.allocations() == held
    bench.stop()
    audit(folder)


def a_start_on_a_full_disk(folder: Path) -> None:
    """A new file is not created and an old one not changed; both open when there is room."""
    bench = Bench(BitmapBackend, folder)
    fill(folder)
    for _ in range(2):
        require_unavailable(bench)
    make_room(folder)
    bench.start()
    bench.open(SUBNET)
    held = bench.allocate(SUBNET, "a")
    bench.stop()
    fill(folder)
    before = contents(folder)
    require_unavailable(bench)
    assert contents(folder)["bitmap.db"] == before["bitmap.db"]
    make_room(folder)
    bench.start()
    assert bench.allocations() == [held]
    bench.stop()
    audit(folder)


def a_disk_that_cannot_be_written(folder: Path) -> None:
    """A file is neither opened nor changed, and a new one is not created."""
    bench = Bench(BitmapBackend, folder)
    for held in ([], ["a"]):
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        before = contents(folder)
        require_unavailable(bench)
        assert contents(folder) == before
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
        bench.start()
        assert [allocation.owner for allocation in bench.allocations()] == held
        bench.open(SUBNET)
        bench.allocate(SUBNET, "a")
        bench.stop()
    audit(folder)


def require_unavailable(bench: Bench) -> None:
    with pytest.raises(StoreUnavailable, match="Nothing was changed"):
        bench.start()


SCENARIOS: dict[str, Callable[[Path], None]] = {
    scenario.__name__: scenario
    for scenario in (a_disk_that_fills_up, a_start_on_a_full_disk, a_disk_that_cannot_be_written)
}


def main(folder: Path, name: str) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        SCENARIOS[name](folder)
    except (AssertionError, IpamError):
        traceback.print_exc(file=sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
