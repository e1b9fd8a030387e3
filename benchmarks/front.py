"""What the front of the daemon costs, beside a server of grpcio that does nothing else."""

import contextlib
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import grpc

from benchmarks import tls
from benchmarks.ipam.grpc import daemon
from benchmarks.measure import Line, benchmark, latencies_at_once, quantile
from mynet.v1 import network_pb2
from tests.e2e.support.hostile_clients.attacks import ATTACKS

CALLS, ROUNDS = 1600, 5
PAIRS = 5
_SETTLED_WITHIN = 60  # seconds
STEPS_A_SECOND = 10  # of an attack, so that it does not take a core from the others
_PATH = "/mynet.v1.NetworkService/ListNetworks"


@benchmark("server")
def server(folder: Path) -> Iterator[Line]:
    """Call ListNetworks of no networks, in turn on mynetd and on a bare grpcio server."""
    reference = folder / "reference.sock"
    with (
        daemon(folder) as address,
        daemon(folder / "proxied", "--peer-credentials") as proxied,
        _bare_server(reference),
    ):
        socket = Path(address.removeprefix("unix://"))
        servers = {
            "mynetd": socket,
            "mynetd --peer-credentials": Path(proxied.removeprefix("unix://")),
            "bare grpcio": reference,
        }
        for callers in (1, 16, 64):
            found: dict[str, list[Sequence[float]]] = {name: [] for name in servers}
            for _ in range(ROUNDS):
                for name, path in servers.items():
                    found[name].append(_latencies(path, callers))
            for name, runs in found.items():
                yield from _lines(f"{name}, {callers} at once", runs)
        for name in ATTACKS:
            yield from _beside(name, socket)
    (folder / "tls").mkdir()
    yield from tls.lines(folder / "tls")


def _beside(name: str, path: Path) -> Iterator[Line]:
    """Compare a caller beside an attack with the same caller alone, in pairs of runs."""
    pairs = []
    for _ in range(PAIRS):
        alone = _latencies(path, 1)
        with _attack(name, path):
            pairs.append((quantile(alone, 0.99), quantile(_latencies(path, 1), 0.99)))
    ratio = median(beside / alone for alone, beside in pairs)
    what = f"ListNetworks beside {name.replace('_', ' ')}"
    yield Line(f"{what}, p99", median(beside for _, beside in pairs) * 1e3, "ms")
    yield Line(f"{what}, p99 over that of the caller alone", ratio, "")


@contextlib.contextmanager
def _attack(name: str, path: Path) -> Iterator[None]:
    """Run an attack in a process of its own during the block, from after its first steps."""
    command = [sys.executable, "-m", "benchmarks.front", str(path), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout  # noqa: S101 - for the type checker
            process.stdout.readline()
            yield
        finally:
            process.kill()


def _lines(what: str, runs: Sequence[Sequence[float]]) -> Iterator[Line]:
    for share in (0.5, 0.99):
        value = median(quantile(run, share) for run in runs) * 1e3
        yield Line(f"ListNetworks on {what}, p{share * 100:g}", value, "ms")


def _latencies(path: Path, callers: int) -> Sequence[float]:
    """Return the latencies of callers, each of which has a connection of its own."""
    request = network_pb2.ListNetworksRequest(page_size=1).SerializeToString()
    options = [("grpc.use_local_subchannel_pool", 1)]
    with contextlib.ExitStack() as stack:
        calls = []
        for _ in range(callers):
            channel = stack.enter_context(grpc.insecure_channel(f"unix://{path}", options))
            call: Any = channel.unary_unary(_PATH)
            _warm_up(call, request)
            calls.append(call)
        share = CALLS // callers
        return latencies_at_once(lambda n: calls[n // share](request), CALLS, callers)


def _warm_up(call: Any, request: bytes) -> None:  # noqa: ANN401 - grpcio's own is generic
    """Make a first call, again while a burst of an attack has it cancelled."""
    end = time.monotonic() + _SETTLED_WITHIN
    while True:
        try:
            call(request)
        except grpc.RpcError:
            if time.monotonic() > end:
                raise
        else:
            return


@contextlib.contextmanager
def _bare_server(path: Path) -> Iterator[None]:
    """Run a synchronous server of grpcio in a process of its own during the block."""
    command = [sys.executable, "-m", "benchmarks.front", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout  # noqa: S101 - for the type checker
            process.stdout.readline()
            yield
        finally:
            process.terminate()


def _serve(path: str) -> None:
    """Answer every call with an empty message, until the process is ended."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, _: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
            return grpc.unary_unary_rpc_method_handler(lambda *_: b"")

    bare = grpc.server(ThreadPoolExecutor(128), handlers=[Handler()])
    bare.add_insecure_port(f"unix:{path}")
    bare.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    bare.wait_for_termination()


def _attack_until_killed(path: str, name: str) -> None:
    steps = ATTACKS[name](Path(path))
    for _ in itertools.islice(steps, 10):
        pass
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in steps:
        time.sleep(1 / STEPS_A_SECOND)


if __name__ == "__main__":
    path, *attack = sys.argv[1:]
    if attack:
        _attack_until_killed(path, *attack)
    else:
        _serve(path)
