"""Allocation by other programs: the tutorial's file, and CNI's host-local plugin."""

import json
import os
import subprocess
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

from benchmarks.measure import Line, benchmark, rate
from mynet.ipam.api import AllocateRequest, BackendContext, Holding, Holdings, Subnet
from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.testing import SampleCall

HOST_LOCAL = Path("/usr/lib/cni/host-local")
NETWORK = ip_network("10.1.0.0/16")
IN_USE = (0, 1000, 20_000)
CALL = SampleCall()


@benchmark("ipam-peers")
def peers(folder: Path) -> Iterator[Line]:
    """Allocate addresses in turn, with none, 1,000 and 20,000 in use."""
    for used in IN_USE:
        place = folder / str(used)
        for name in ("mynet", "tutorial", "host-local"):
            (place / name).mkdir(parents=True)
        yield Line(f"mynet, {used:,} in use", _mynet(place / "mynet", used), "allocations/s")
        yield Line(
            f"the tutorial's JSON file, {used:,} in use",
            _tutorial(place / "tutorial" / "subnet.json", used),
            "allocations/s",
        )
        yield Line(
            f"CNI host-local, {used:,} in use",
            _host_local(place / "host-local", used),
            "allocations/s",
        )


def _mynet(folder: Path, used: int) -> float:
    backend = BitmapBackend(BackendContext("bench", folder))
    subnet = Subnet(NETWORK)
    held = [Holding(NETWORK[number + 1], f"vm-{number}") for number in range(used)]
    backend.load(CALL, [Holdings(subnet, held)])
    result = rate(
        lambda index: backend.allocate(CALL, AllocateRequest(subnet, owner=f"new-{index}")), 1000
    )
    backend.close()
    return result


def _tutorial(file: Path, used: int) -> float:
    """Load the file, replace a 0 by a 1, and write the file, without a sync to the disk."""
    bits = "1" * used + "0" * (NETWORK.num_addresses - used)
    file.write_text(json.dumps({str(NETWORK): bits}))

    def allocate(_: int) -> None:
        subnets = json.loads(file.read_text())
        line = subnets[str(NETWORK)]
        for index, bit in enumerate(line):
            if bit == "0":
                subnets[str(NETWORK)] = line[:index] + "1" + line[index + 1 :]
                break
        file.write_text(json.dumps(subnets))

    return rate(allocate, 100)


def _host_local(folder: Path, used: int) -> float:
    """Run the plugin as a container runtime does. It keeps a file for each address."""
    state = folder / "bench"
    state.mkdir()
    for number in range(used):
        (state / str(NETWORK[number + 2])).write_text(f"c{number}\r\neth0")
    config = {
        "cniVersion": "0.4.0",
        "name": "bench",
        "ipam": {
            "type": "host-local",
            "dataDir": str(folder),
            "ranges": [[{"subnet": str(NETWORK)}]],
        },
    }

    def allocate(index: int) -> None:
        environment = {
            **os.environ,
            "CNI_COMMAND": "ADD",
            "CNI_CONTAINERID": f"new{index}",
            "CNI_NETNS": "/proc/self/ns/net",
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(HOST_LOCAL.parent),
        }
        subprocess.run(
            [HOST_LOCAL],
            input=json.dumps(config).encode(),
            env=environment,
            capture_output=True,
            check=True,
        )

    return rate(allocate, 50)
