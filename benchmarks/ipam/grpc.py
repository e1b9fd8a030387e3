"""AllocateAddress through a whole daemon, on its unix socket."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import grpc

from benchmarks.measure import Line, benchmark, latencies_at_once, quantile
from mynet.v1 import ipam_pb2, ipam_pb2_grpc

_START_TIMEOUT = 20  # seconds


@benchmark("ipam-grpc")
def allocate(folder: Path) -> Iterator[Line]:
    """Measure how long a caller waits, with 1, 8 and 64 callers at once."""
    with daemon(folder) as address, grpc.insecure_channel(address) as channel:
        stub = ipam_pb2_grpc.IPAMServiceStub(channel)

        def call(name: str, index: int) -> None:
            owner = f"{name}-{index}"
            request = ipam_pb2.AllocateAddressRequest(subnet="10.0.0.0/8", owner=owner)
            stub.AllocateAddress(request, timeout=30)

        for index in range(200):
            call("warm", index)
        for round_number, callers in enumerate((1, 8, 64)):
            latencies = latencies_at_once(partial(call, str(round_number)), 3200, callers)
            for share in (0.5, 0.99):
                yield Line(
                    f"AllocateAddress over gRPC, {callers} at once, p{share * 100:g}",
                    quantile(latencies, share) * 1e3,
                    "ms",
                )


@contextmanager
def daemon(folder: Path, *options: str) -> Iterator[str]:
    """Run a daemon in namespaces of its own during the block, and yield its address."""
    folder.mkdir(exist_ok=True)
    socket, log = folder / "mynetd.sock", folder / "mynetd.log"
    mynetd = Path(sys.executable).with_name("mynetd")
    isolated = Path(__file__).parents[2] / ".ci" / "isolated"
    paths = [f"--listen=unix://{socket}", f"--state-dir={folder}/state"]
    command = [str(isolated), str(mynetd), *paths, *options]
    with log.open("w") as output, subprocess.Popen(command, stderr=output) as process:
        try:
            with grpc.insecure_channel(f"unix://{socket}") as channel:
                grpc.channel_ready_future(channel).result(_START_TIMEOUT)
            time.sleep(0.5)  # until the daemon serves
            yield f"unix://{socket}"
        finally:
            process.terminate()
