"""What TLS costs: on a connection that is kept, and for a new connection."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import grpc

from benchmarks.measure import Line, latencies_at_once, quantile
from mynet.server.logs.program_log import configured
from mynet.server.model.callers import Listener, Role
from mynet.server.model.roles import Grant, Roles
from mynet.server.services.server import Server
from mynet.server.tls import TlsFiles
from mynet.v1 import network_pb2
from tests.server.support.world import World
from tests.support.certificates import SERVER_NAMES, Authority, write

_CALLS, _CONNECTIONS, _ROUNDS = 1000, 50, 5
_START_TIMEOUT = 20  # seconds
_METHOD = "/mynet.v1.NetworkService/ListNetworks"
_CALLER = "bench.example.org"

Connect = Callable[[], grpc.Channel]


def lines(folder: Path) -> Iterator[Line]:
    """Call ListNetworks of no networks on one server over TCP, in turn without and with TLS."""
    authority = Authority()
    write(folder, authority, authority.issue("", *SERVER_NAMES))
    with _server(folder) as (plain, tls):
        options = [("grpc.use_local_subchannel_pool", 1)]
        pair = authority.issue("", _CALLER)
        credentials = grpc.ssl_channel_credentials(authority.pem, pair.key, pair.certificate)
        ways: dict[str, Connect] = {
            "TCP": lambda: grpc.insecure_channel(f"localhost:{plain}", options),
            "TLS": lambda: grpc.secure_channel(f"localhost:{tls}", credentials, options),
        }
        kept: dict[str, list[float]] = {name: [] for name in ways}
        new: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(_ROUNDS):
            for name, connect in ways.items():
                kept[name].append(quantile(_on_one_connection(connect), 0.5))
                new[name].append(quantile(_on_new_connections(connect), 0.5))
    for what, found in (("a kept connection", kept), ("a new connection", new)):
        for name, values in found.items():
            yield Line(f"ListNetworks over {name} on {what}, p50", median(values) * 1e3, "ms")
    added = median(b - a for a, b in zip(kept["TCP"], kept["TLS"], strict=True))
    yield Line("TLS adds on a kept connection, p50", added * 1e3, "ms", "at most 0.3")


def _on_one_connection(connect: Connect) -> Sequence[float]:
    with connect() as channel:
        call: Any = channel.unary_unary(_METHOD)
        request = network_pb2.ListNetworksRequest(page_size=1).SerializeToString()
        call(request)
        return latencies_at_once(lambda _: call(request), _CALLS, 1)


def _on_new_connections(connect: Connect) -> Sequence[float]:
    found: list[float] = []
    for _ in range(_CONNECTIONS):
        start = time.perf_counter()
        with connect() as channel:
            call: Any = channel.unary_unary(_METHOD)
            call(b"")
            found.append(time.perf_counter() - start)
    return sorted(found)


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[tuple[int, int]]:
    """Run a server in a process of its own; yield its ports without and with TLS."""
    plain, tls = _free_port(), _free_port()
    command = [sys.executable, "-m", "benchmarks.tls", str(folder), str(plain), str(tls)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            with grpc.insecure_channel(f"localhost:{plain}") as channel:
                grpc.channel_ready_future(channel).result(_START_TIMEOUT)
            yield plain, tls
        finally:
            process.terminate()


def _serve(folder: Path, plain: int, tls: int) -> None:
    """Serve a core over fakes, without and with TLS, until the process is ended."""
    listeners = [Listener(f"127.0.0.1:{plain}"), Listener(f"127.0.0.1:{tls}", tls=True)]
    (folder / "state").mkdir()
    files = TlsFiles(*(folder / name for name in ("cert.pem", "key.pem", "ca.pem")))
    with configured("json", "info"):
        server = Server(World(folder / "state").core, listeners, 30, tls=files)
        server.front.roles = Roles({_CALLER: Grant(Role.READER)})
        server.serve()
        sys.stdin.read()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), *map(int, sys.argv[2:]))
