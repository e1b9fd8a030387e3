"""Clashes of source ports: flows of two sandboxes that leave the host at once to one destination.

Both use the same source ports, so that one of each pair has to get another port. While two packets
of one pair pass the host at the same moment, both may get the same port, and the kernel drops one.
Kubernetes avoids that by random ports, at the price of a symmetric NAT.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measure import Line, benchmark
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import Namespace
from tests.e2e.support.testbed import OUTSIDE, Sandbox, Testbed

FLOWS, ROUNDS = 500, 3  # of each sandbox in a round, which takes a second
FIRST_PORT = 20_000
_WAYS = ("masquerade", "masquerade random", "masquerade fully-random")


@benchmark("port-clash")
def port_clash(folder: Path) -> Iterator[Line]:
    """Send 1,000 flows a second from two sandboxes, with the same source ports, to one peer."""
    testbed = Testbed(folder)
    try:
        daemon = Daemon(testbed, f"--state-dir={folder}/state", "--no-heal")
        daemon.create("blue", "10.88.0.0/16", options={"conntrack_limit": "0"})
        boxes = [Sandbox(testbed, name) for name in ("one", "two")]
        for box in boxes:
            daemon.connect(box.name)
        for way in _WAYS:
            handle = _last_rule(testbed)
            rule = ("nft", "replace", "rule", "inet", "mynet", "keep_port", "handle", handle)
            testbed.run(*rule, *way.split())
            lost, kept = 0, 0
            for number in range(ROUNDS):
                first = FIRST_PORT + number * FLOWS
                seen = _round(testbed.outside, boxes, range(first, first + FLOWS))
                lost += len(boxes) * FLOWS - len(seen)
                kept += sum(port == source for _, port, source in seen)
            total = ROUNDS * len(boxes) * FLOWS
            yield Line(f"{way}: datagrams lost of {total:,}", lost, "", "as few as random")
            yield Line(f"{way}: ports kept", 100 * kept / total, "%", "50 at most, of pairs")
        daemon.stop()
    finally:
        testbed.close()


def _last_rule(testbed: Testbed) -> str:
    """Return the handle of the rule that masquerades."""
    listed = testbed.run("nft", "-a", "list", "chain", "inet", "mynet", "keep_port")
    (line,) = (line for line in listed.splitlines() if line.strip().startswith("masquerade"))
    return line.rpartition(" ")[2]


def _round(
    outside: Namespace, boxes: Sequence[Namespace], ports: range
) -> set[tuple[str, int, int]]:
    """Send from each port of each sandbox; return host, port and source port of what arrives."""
    seen: set[tuple[str, int, int]] = set()
    with ExitStack() as stack:
        peer = stack.enter_context(outside.inside(_udp))
        peer.bind((OUTSIDE[0], 0))
        peer.settimeout(0.5)
        target = peer.getsockname()
        sockets = [[stack.enter_context(box.inside(_udp)) for _ in ports] for box in boxes]
        for group in sockets:
            for sock, port in zip(group, ports, strict=True):
                sock.bind(("", port))
        start = threading.Barrier(len(boxes))
        threads = [threading.Thread(target=_send, args=(group, target, start)) for group in sockets]
        for thread in threads:
            thread.start()
        sending = True
        while sending:
            sending = any(thread.is_alive() for thread in threads)
            with contextlib.suppress(TimeoutError):
                while True:
                    word, source = peer.recvfrom(100)
                    seen.add((word.decode(), source[1], int(word.split()[1])))
    return seen


def _udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _send(
    sockets: Sequence[socket.socket], target: tuple[str, int], start: threading.Barrier
) -> None:
    start.wait()
    begin = time.perf_counter()
    for number, sock in enumerate(sockets):
        time.sleep(max(0.0, begin + number / FLOWS - time.perf_counter()))
        sock.sendto(f"{id(sockets)} {sock.getsockname()[1]}".encode(), target)
