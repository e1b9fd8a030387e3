"""The time from the start of the program to SERVING, with many networks and endpoints."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.measure import Line, benchmark
from mynet.v1 import ipam_pb2, network_pb2
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.testbed import Sandbox, Testbed

NETWORKS, SANDBOXES = 200, 1000
# Seconds in which the kernel deletes namespaces in the background, while it holds RTNL.
_SETTLING = 25


@benchmark("recovery")
def recovery(folder: Path) -> Iterator[Line]:
    """Start with 1,000 endpoints on 200 networks, each endpoint in a sandbox of its own."""
    testbed = Testbed(folder)
    # The records belong on the disk, and a testbed's /var/lib is in memory.
    state = f"--state-dir={folder}/state"
    try:
        daemon, seconds = _start(testbed, state)
        yield Line("start with nothing on record", seconds, "s")
        _fill(testbed, daemon)
        for what, damage, goal in (
            ("a kill of the daemon", "", "under 3"),
            ("a kill and the loss of every bridge and the firewall", _WRECK, ""),
            ("a boot of the host", _REBOOT, "under 3"),
        ):
            os.kill(daemon.pid, signal.SIGKILL)
            daemon.wait()
            if damage:
                testbed.run("sh", "-euc", damage)
                time.sleep(_SETTLING)
            daemon, seconds = _start(testbed, state)
            yield Line(f"start after {what}", seconds, "s", goal)
    finally:
        testbed.close()


_WRECK = """
ip -o link show type bridge | sed -n 's/^[0-9]*: \\([^:]*\\):.*/link delete \\1/p' | ip -batch -
nft flush ruleset
"""
_REBOOT = f"""
{_WRECK}
ip netns list | sed -n 's/^\\(c[0-9]*\\).*/netns delete \\1/p' | ip -batch -
echo another-boot >/run/boot
mount --bind /run/boot /proc/sys/kernel/random/boot_id
"""


def _start(testbed: Testbed, state: str) -> tuple[Daemon, float]:
    begin = time.perf_counter()
    daemon = Daemon(testbed, state)
    return daemon, time.perf_counter() - begin


def _fill(testbed: Testbed, daemon: Daemon) -> None:
    """Make networks and sandboxes, and connect each sandbox to a network."""

    def make(number: int) -> None:
        cidr = f"10.{number // 256}.{number % 256}.0/24"
        subnets = [ipam_pb2.Subnet(cidr=cidr)]
        network = network_pb2.Network(name=f"net-{number}", subnets=subnets)
        daemon.net.CreateNetwork(network_pb2.CreateNetworkRequest(network=network))

    def connect(number: int) -> None:
        request = network_pb2.ConnectRequest(
            network=f"net-{number % NETWORKS}",
            container_id=f"c{number}",
            netns_name=Sandbox(testbed, f"c{number}").name,
        )
        daemon.net.Connect(request)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(NETWORKS)))
        list(pool.map(connect, range(SANDBOXES)))
