"""What it costs to hold sandboxes to their own addresses, and to a number of connections."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.measure import Line, benchmark
from benchmarks.packets.traffic import iperf
from mynet.v1.network_pb2 import UpdateEndpointRequest
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.hostile import floods
from tests.e2e.support.hostile.tenants import Tenants
from tests.e2e.support.testbed import Sandbox, Testbed

# Other load passes, and hosts differ by a tenth from when they are made: many short measurements
# on several hosts, each beside its counterpart, are worth more than a few long ones.
HOSTS, ROUNDS = 3, 4
SAMPLES = 100
STANDING, NEW = (0, 1000, 4096, 16384), 200
# The kernel counts once in a tick of its timer, which comes 100 to 1000 times a second.
TICK = 0.011
_NONE = {"spoof_check": "false", "conntrack_limit": "0"}
_KINDS: Mapping[str, Mapping[str, str]] = {"held": {}, "free": _NONE}


@benchmark("guard")
def guard(folder: Path) -> Iterator[Line]:
    """Compare sandboxes with spoof_check and conntrack_limit, and without, in turn."""
    yield from _throughput(folder)
    with _host(folder / "latency") as daemon:
        yield from _latency(daemon)
    with _host(folder / "budget") as daemon:
        yield from _budget(daemon)


@contextmanager
def _host(folder: Path, *options: str) -> Iterator[Daemon]:
    folder.mkdir()
    testbed = Testbed(folder)
    try:
        daemon = Daemon(testbed, f"--state-dir={folder}/state", *options)
        yield daemon
        daemon.stop()
    finally:
        testbed.spoilt = True
        testbed.close()


def _throughput(folder: Path) -> Iterator[Line]:
    """Measure iperf3 between two sandboxes: held, free, and on a host without the table at all."""
    rounds: list[dict[str, float]] = []
    for host in range(HOSTS):
        with (
            _host(folder / f"with{host}") as daemon,
            _host(folder / f"without{host}", "--no-heal") as bare,
        ):
            pairs = {kind: _pair(daemon, kind) for kind in _KINDS}
            pairs["bare"] = _pair(bare, "free")
            bare.testbed.attempt("nft", "delete", "table", "bridge", "mynet")
            for number in range(ROUNDS):
                turns = list(pairs) if number % 2 else list(reversed(pairs))
                rounds.append({kind: iperf(*pairs[kind]) for kind in turns})
    for kind, words in (
        ("held", "with spoof_check"),
        ("free", "with spoof_check=false"),
        ("bare", "without the table"),
    ):
        rate = median(rates[kind] for rates in rounds)
        yield Line(f"iperf3 between two sandboxes {words}", rate / 1e9, "Gbit/s")
    for kind, words in (("free", "spoof_check=false"), ("bare", "no table")):
        ratio = median(rates["held"] / rates[kind] for rates in rounds)
        yield Line(f"iperf3, spoof_check beside {words}", ratio, "x", "no slower than 0.97")


def _pair(daemon: Daemon, kind: str) -> tuple[Testbed, Sandbox, Sandbox]:
    cidr = {"held": "10.88.0.0/24", "free": "10.77.0.0/24"}[kind]
    daemon.create(kind, cidr, options=_KINDS[kind])
    boxes = [Sandbox(daemon.testbed, f"{kind}{number}") for number in range(2)]
    for box in boxes:
        daemon.connect(box.name, network=kind)
    return daemon.testbed, boxes[0], boxes[1]


def _latency(daemon: Daemon) -> Iterator[Line]:
    """Connect and disconnect one sandbox on both kinds of network in turn."""
    Sandbox(daemon.testbed, "box")
    for kind, number in (("held", 88), ("free", 77)):
        daemon.create(kind, f"10.{number}.0.0/24", f"fd{number}::/64", options=_KINDS[kind])
    times: dict[tuple[str, str], list[float]] = {}
    for number in range(SAMPLES):
        for kind in _turns(number):
            start = time.perf_counter()
            daemon.connect("box", network=kind)
            connected = time.perf_counter()
            daemon.disconnect("box")
            ended = time.perf_counter()
            times.setdefault(("Connect", kind), []).append(connected - start)
            times.setdefault(("Disconnect", kind), []).append(ended - connected)
    for verb in ("Connect", "Disconnect"):
        for kind, words in (("held", "spoof_check"), ("free", "neither check nor limit")):
            yield Line(f"{verb} with {words}", median(times[verb, kind]) * 1e3, "ms")
        more = _median_difference(times[verb, "held"], times[verb, "free"])
        yield Line(f"{verb}, what both add", more * 1e3, "ms", "at most 0.2")


def _turns(number: int) -> list[str]:
    """Return both kinds, either first in turn."""
    kinds = list(_KINDS)
    return kinds if number % 2 else kinds[::-1]


def _median_difference(held: Sequence[float], free: Sequence[float]) -> float:
    return median(one - other for one, other in zip(held, free, strict=True))


def _budget(daemon: Daemon) -> Iterator[Line]:
    """Open connections from a sandbox that has others already, and count them all each time."""
    tenants = Tenants(daemon)
    for limit in ("0", str(2 * max(STANDING))):
        daemon.net.UpdateEndpoint(
            UpdateEndpointRequest(
                endpoint=tenants.endpoints["evil"].id, options={"conntrack_limit": limit}
            )
        )
        for standing in STANDING:
            frames = list(floods.own_connections(tenants.scene, standing + NEW, 4))
            tenants.host.run("conntrack", "-F")
            tenants.wire.send(frames[:standing])
            each = median(_seconds(tenants, frame) for frame in frames[standing:])
            words = "no limit" if limit == "0" else "a limit"
            yield Line(f"a new connection beside {standing:,}, {words}", each * 1e6, "us")
    tenants.close()


def _seconds(tenants: Tenants, frame: bytes) -> float:
    """Send a frame after the next tick; the kernel takes it to its end in the meantime."""
    time.sleep(TICK)
    start = time.perf_counter()
    tenants.wire.send([frame])
    return time.perf_counter() - start
