"""A file that two processes open, or whose rows contradict its bits, allocates nothing twice."""

import subprocess
import sys
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

import pytest

from mynet.ipam.api import IPAddress, Subnet
from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.errors import StoreDamaged
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.databases import contents, executing

IPV4 = Subnet(ip_network("10.1.0.0/23"), cooldown=0.01, retention=600.0)
IPV6 = Subnet(ip_network("fd00:1::/64"), cooldown=0.01, retention=600.0)
SUBNETS = (IPV4, IPV6)

OPENING = """
import sys
from pathlib import Path
from mynet.ipam.api import BackendContext
from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.errors import StoreUnavailable
try:
    backend = BitmapBackend(BackendContext("one of many", Path(sys.argv[1])))
except StoreUnavailable as error:
    print(error, flush=True)
else:
    print("opened", flush=True)
sys.stdin.read()
"""


def test_one_of_several_processes_can_open_a_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPENING, str(tmp_path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.stdout.readline() for process in processes if process.stdout]
    for process in processes:
        process.communicate(timeout=30)
    refused = f"{tmp_path / 'bitmap.db'} is in use by another process; stop that one first\n"
    assert sorted(said) == sorted(["opened\n", *[refused] * 3])


def test_a_process_that_is_refused_changes_nothing_in_the_file(
    bench: Bench, tmp_path: Path
) -> None:
    bench.open(IPV4)
    held = bench.allocate(IPV4, "a")
    before = contents(tmp_path)
    command = [sys.executable, "-c", OPENING, str(tmp_path)]
    done = subprocess.run(command, check=True, input="", capture_output=True, text=True)
    assert "is in use by another process" in done.stdout
    assert contents(tmp_path) == before
    assert bench.allocate(IPV4, "a") == held


@pytest.fixture
def held_before(tmp_path: Path) -> dict[IPAddress, str]:
    """The owners by address in a closed file: 120 allocations, after 40 releases."""
    bench = Bench(BitmapBackend, tmp_path)
    bench.start()
    for subnet in SUBNETS:
        bench.open(subnet)
        for number in range(80):
            bench.allocate(subnet, f"vm-{number}", sticky_key=f"key {number}", labels={"n": "x"})
    for number in range(20):
        bench.release_owner(f"vm-{number}")
    held = {allocation.address: allocation.owner for allocation in bench.allocations()}
    bench.stop()
    return held


def test_no_address_is_allocated_twice_if_bits_contradict_rows(
    held_before: dict[IPAddress, str], tmp_path: Path
) -> None:
    bench = Bench(BitmapBackend, tmp_path)
    bench.start()
    assert isinstance(bench.backend, BitmapBackend)
    bench.backend._database.write(executing("UPDATE pages SET bits = x'00'"))
    bench.restart()
    for subnet in SUBNETS:
        with suppress(StoreDamaged):
            for _ in range(200):
                assert bench.allocate(subnet).address not in held_before
    with pytest.raises(StoreDamaged, match="UNIQUE constraint failed: allocations"):
        bench.allocate_batch(IPV4, [""] * 310)
    bench.stop()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("create_time", "'yesterday'"),
        ("labels", "'{'"),
        ("owner", "CAST(x'ff' AS TEXT)"),
        ("address", "x'00'"),
    ],
)
def test_a_row_that_cannot_be_read_raises_store_damaged(
    column: str, value: str, held_before: dict[IPAddress, str], tmp_path: Path
) -> None:
    bench = Bench(BitmapBackend, tmp_path)
    bench.start()
    assert isinstance(bench.backend, BitmapBackend)
    statement = f"UPDATE allocations SET {column} = {value} WHERE owner = 'vm-40'"
    if column == "address":
        statement += " AND subnet = 1"
    bench.backend._database.write(executing(statement))
    with pytest.raises(StoreDamaged):
        bench.allocations()
    bench.stop()
