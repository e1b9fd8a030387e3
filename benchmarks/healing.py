"""The time from damage by another program until the kernel is as it was again."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.measure import Line, benchmark, quantile
from mynet.v1.network_pb2 import PortMapping
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import PATIENCE
from tests.e2e.support.testbed import Sandbox, Testbed

ROUNDS = 20
NETWORKS = 500
_GOAL = "under 1000"
# What is damaged: the command, and one whose output is then as before.
DAMAGES = {
    "a link (the bridge is down)": ("ip link set br-blue down", "ip -brief link show br-blue"),
    "a link (a veth is deleted)": ("ip link delete {veth}", "ip -n one route show default"),
    "a route (the connected one)": (
        "ip route delete 10.88.0.0/24 dev br-blue",
        "ip route show 10.88.0.0/24",
    ),
    "a route (IPv6, the connected one)": (
        "ip -6 route delete fd88::/64 dev br-blue",
        "ip -6 route show fd88::/64",
    ),
    "a sysctl (the bridge forwards)": (
        "sysctl -qw net.ipv4.conf.br-blue.forwarding=0",
        "sysctl net.ipv4.conf.br-blue.forwarding",
    ),
    "a sysctl (the host forwards)": (
        "sysctl -qw net.ipv4.ip_forward=0",
        "sysctl net.ipv4.ip_forward",
    ),
    "a firewall element": (
        "nft flush map inet mynet pub4",
        "nft list map inet mynet pub4",
    ),
    "the forwarding database": (
        "bridge fdb flush dev br-blue",
        "bridge fdb show brport {veth} state static",
    ),
}


@benchmark("healing")
def healing(folder: Path) -> Iterator[Line]:
    """Damage a network 20 times in each way, alone on a host and beside 500 others."""
    for networks in (0, NETWORKS):
        place = folder / str(networks)
        place.mkdir()
        testbed = Testbed(place)
        try:
            daemon = Daemon(testbed, f"--state-dir={place}/state")
            yield from _measure(testbed, daemon, networks)
            daemon.stop()
        finally:
            testbed.close()


def _measure(testbed: Testbed, daemon: Daemon, networks: int) -> Iterator[Line]:
    for number in range(networks):
        daemon.create(
            f"n{number}", f"10.{number >> 8}.{number & 255}.0/24", f"fd00:{number:x}::/64"
        )
    Sandbox(testbed, "one")
    where = f"beside {networks:,} networks" if networks else "alone"
    for what, commands in DAMAGES.items():
        # A new network, because one that is damaged again and again is healed more slowly.
        daemon.create("blue")
        port = PortMapping(container_port=80, host_port=8080)
        veth = daemon.connect("one", ports=[port]).host_interface
        damage, look = (command.replace("{veth}", veth).split() for command in commands)
        times = sorted(_heal(testbed, damage, look) for _ in range(ROUNDS))
        yield Line(f"{what}, {where}, median", median(times) * 1e3, "ms", _GOAL)
        yield Line(f"{what}, {where}, p95", quantile(times, 0.95) * 1e3, "ms", _GOAL)
        daemon.delete("blue")


def _heal(testbed: Testbed, damage: list[str], look: list[str]) -> float:
    """Return the seconds until ``look`` prints again the lines that it did before the damage."""
    before = sorted(testbed.run(*look).splitlines())
    testbed.run(*damage)
    begin = time.perf_counter()
    while sorted(testbed.attempt(*look).stdout.splitlines()) != before:
        if time.perf_counter() - begin > PATIENCE:
            return PATIENCE
        time.sleep(0.005)
    seconds = time.perf_counter() - begin
    time.sleep(0.2)  # the last notifications of the repair
    return seconds
