"""The speed of packets through a published port, and across a bridge."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.measure import Line, benchmark, quantile
from benchmarks.peers import Cni, Mynet, Peer, hosted
from mynet.drivers.linux import netns
from mynet.v1.network_pb2 import PortMapping
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import Namespace
from tests.e2e.support.testbed import HOST, Sandbox, Testbed

PORT = 8080
BLOCK = 1000  # ports with other numbers at the endpoint, which take one element each
CONNECTIONS = 1000
HOSTS, ROUNDS, SECONDS = 8, 4, 1
_RESET = struct.pack("@ii", 1, 0)  # SO_LINGER: closed connections leave no TIME_WAIT

_CHAIN = """
link add box type veth peer name eth0 netns box
address add 10.77.0.1/24 dev box
link set box up
"""


@benchmark("published")
def published(folder: Path) -> Iterator[Line]:
    """Open TCP connections through a published port, beside many published ports."""
    for place in ("mynet", "iptables"):
        (folder / place).mkdir()
    yield from _with_mynet(folder / "mynet")
    yield from _with_iptables(folder / "iptables")


def _with_mynet(folder: Path) -> Iterator[Line]:
    testbed = Testbed(folder)
    try:
        daemon = Daemon(testbed, f"--state-dir={folder}/state")
        daemon.create("blue", "10.88.0.0/16")
        server = Sandbox(testbed, "server")
        daemon.connect("server", ports=[PortMapping(host_port=PORT, container_port=80)])
        for count, blocks in ((10, 1), (10_000, 10)):
            for number in range(blocks):
                ports = PortMapping(
                    host_port=20_000 + BLOCK * number, container_port=1, count=min(count, BLOCK)
                )
                daemon.connect(f"other-{count}-{number}", netns_name="", ports=[ports])
            seconds = _connecting(testbed.outside, server)
            goal = "as with 10" if count > BLOCK else ""
            yield Line(
                f"TCP connect, {count:,} ports published elsewhere", seconds * 1e6, "us", goal
            )
            daemon.disconnect(f"other-{count}-0")
        daemon.stop()
    finally:
        testbed.close()


def _with_iptables(folder: Path) -> Iterator[Line]:
    """Publish each port by one rule of iptables, in one chain."""
    testbed = Testbed(folder)
    try:
        server = Sandbox(testbed, "box")
        testbed.run(
            "sh", "-euc", f"ip -batch - <<.{_CHAIN}.\necho 1 >/proc/sys/net/ipv4/ip_forward"
        )
        for arguments in (
            "address add 10.77.0.2/24 dev eth0",
            "link set eth0 up",
            "route add default via 10.77.0.1",
        ):
            server.run("ip", *arguments.split())
        for count in (10, 10_000):
            rules = [
                f"-A MANY -p tcp --dport {20_000 + number} -j DNAT --to-destination 10.77.0.9:80"
                for number in range(count)
            ]
            rules.append(f"-A MANY -p tcp --dport {PORT} -j DNAT --to-destination 10.77.0.2:80")
            head = ("*nat", ":MANY -", "-F PREROUTING", "-A PREROUTING -j MANY")
            table = "\n".join((*head, *rules, "COMMIT"))
            (folder / "rules").write_text(f"{table}\n")
            testbed.run("iptables-restore", "--noflush", str(folder / "rules"))
            what = f"TCP connect, a chain of {count:,} iptables rules before it"
            yield Line(what, _connecting(testbed.outside, server) * 1e6, "us")
    finally:
        testbed.close()


def _connecting(client: Namespace, server: Namespace) -> float:
    """Return the median time to open a connection, in seconds."""
    with ExitStack() as stack:
        listener = stack.enter_context(server.listen("0.0.0.0", 80))  # noqa: S104 - in a sandbox
        listener.settimeout(None)
        accepting = threading.Thread(target=_accept, args=(listener,), daemon=True)
        accepting.start()
        fd = stack.enter_context(netns.open_netns(client.path))
        stack.enter_context(netns.inside(fd))
        times = sorted(_dial() for _ in range(CONNECTIONS))
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
    return quantile(times, 0.5)


def _dial() -> float:
    with socket.socket() as sock:
        sock.settimeout(5)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        start = time.perf_counter()
        sock.connect((HOST[0], PORT))
        return time.perf_counter() - start


def _accept(listener: socket.socket) -> None:
    """Accept connections until the listener is shut down."""
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


@benchmark("throughput")
def throughput(folder: Path) -> Iterator[Line]:
    """Measure the throughput between two sandboxes of mynet and of CNI, in turn.

    Hosts differ by a tenth from when they are made, whichever program makes the bridge and even
    without rules. The benchmark therefore uses several hosts. The machine's speed also changes from
    minute to minute, so consecutive measurements are compared, with either program first in turn.
    """
    rounds: list[dict[str, float]] = []
    for host in range(HOSTS):
        makers = (Mynet, Cni) if host % 2 else (Cni, Mynet)
        with ExitStack() as stack:
            peers: list[Peer] = []
            for make in makers:
                place = folder / f"{make.__name__}{host}"
                peers.append(stack.enter_context(hosted(make, place, 2)))
                for number in range(2):
                    peers[-1].connect(number, 0)
            for number in range(ROUNDS):
                turns = peers if number % 2 else reversed(peers)
                rounds.append({peer.name: _iperf_of(peer) for peer in turns})
    for name in (Mynet.name, Cni.name):
        rate = median(rates[name] for rates in rounds)
        yield Line(f"iperf3 between two sandboxes of {name}", rate / 1e9, "Gbit/s")
    ratio = median(rates[Mynet.name] / rates[Cni.name] for rates in rounds)
    yield Line("iperf3, mynet beside CNI", ratio, "x", "no slower than 0.95")


def _iperf_of(peer: Peer) -> float:
    boxes = [Namespace(f"{peer.testbed.root}/run/netns/c{number}") for number in range(2)]
    return iperf(peer.testbed, *boxes)


def iperf(testbed: Testbed, receiver: Namespace, sender: Namespace) -> float:
    """Return the bits per second that one sandbox of a host receives from another."""
    (address,) = receiver.addresses("eth0")
    enter = ("nsenter", f"--net={receiver.path}")
    server = testbed.start(*enter, "iperf3", "--server", "--one-off")
    try:
        while not receiver.run("ss", "-Hltn", "sport = :5201"):
            time.sleep(0.01)
        arguments = ("--client", address.partition("/")[0], "--time", str(SECONDS), "--json")
        report = json.loads(sender.run("iperf3", *arguments))
    finally:
        server.wait(10)
    return float(report["end"]["sum_received"]["bits_per_second"])
