"""Many endpoints with twenty ports each, connected and disconnected by sixteen callers.

At one moment all of them are connected, with traffic to each. In the end nothing is left: no link,
no element of the firewall, no tracked flow, no socket, no record.
"""

import ctypes
import os
import re
import socket
import stat
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from mynet.v1.network_pb2 import PROTOCOL_TCP, PROTOCOL_UDP, Endpoint, PortMapping
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.testbed import HOST, Sandbox, Testbed
from tests.support.matrix import matrix

PORTS, CALLERS = 20, 16
_PIDFD_GETFD = 438  # the same on every architecture: asm-generic/unistd.h

_libc = ctypes.CDLL(None, use_errno=True)
KINDS: dict[int, socket.SocketKind] = {
    PROTOCOL_TCP: socket.SOCK_STREAM,
    PROTOCOL_UDP: socket.SOCK_DGRAM,
}


def specs(number: int) -> Sequence[PortMapping]:
    """Return mappings of every kind: automatic and given, single and ranges."""
    named = 10_000 + 8 * number
    chosen = [
        PortMapping(protocol=protocol, container_port=80 + place)
        for place in range(6)
        for protocol in (PROTOCOL_TCP, PROTOCOL_UDP)
    ]
    return [
        *chosen,
        PortMapping(host_port=named, container_port=named, count=4),
        PortMapping(host_port=named + 4, container_port=53, count=4, protocol=PROTOCOL_UDP),
    ]


def numbers(endpoint: Endpoint) -> Iterator[tuple[int, int]]:
    """Yield each of an endpoint's ports of the host."""
    for port in endpoint.ports:
        for number in range(port.host_port, port.host_port + port.count):
            yield port.protocol, number


def sockets(daemon: Daemon) -> int:
    """Return how many sockets of IPv4 and IPv6 the daemon has: those of published ports alone.

    Its other sockets, which come and go, are of netlink and of unix. Source: pidfd_getfd(2).
    """
    count, pidfd = 0, os.pidfd_open(daemon.pid)
    for descriptor in Path(f"/proc/{daemon.pid}/fd").iterdir():
        copy = _libc.syscall(_PIDFD_GETFD, pidfd, int(descriptor.name), 0)
        if copy < 0:  # closed meanwhile
            continue
        if stat.S_ISSOCK(os.fstat(copy).st_mode):
            with socket.socket(fileno=copy) as sock:
                count += sock.family in (socket.AF_INET, socket.AF_INET6)
        else:
            os.close(copy)
    os.close(pidfd)
    return count


def flows(testbed: Testbed) -> set[int]:
    """Return the ports to which the kernel tracks flows of UDP."""
    lines = testbed.run("cat", "/proc/thread-self/net/nf_conntrack").splitlines()
    found = (re.search(r" udp .*? dport=(\d+) ", line) for line in lines)
    return {int(match[1]) for match in found if match}


def elements(testbed: Testbed) -> Mapping[str, int]:
    """Return how many elements each map of the firewall has."""
    listed = testbed.json("nft", "-j", "list", "ruleset")["nftables"]
    maps = [entry["map"] for entry in listed if "map" in entry]
    return {item["name"]: len(item["elem"]) for item in maps if item.get("elem")}


def require_free(testbed: Testbed, ports: Sequence[tuple[int, int]]) -> None:
    """Require that a program of the host can bind each of the ports."""

    def take() -> None:
        with ExitStack() as taken:
            for protocol, number in ports:
                sock = taken.enter_context(socket.socket(socket.AF_INET6, KINDS[protocol]))
                sock.bind(("::", number))

    testbed.inside(take)


@pytest.fixture(params=matrix([40, 200], short=2), ids="{} endpoints".format)
def boxes(request: pytest.FixtureRequest, empty_testbed: Testbed) -> Sequence[Sandbox]:
    with ThreadPoolExecutor(4) as makers:
        return list(makers.map(lambda n: Sandbox(empty_testbed, f"c{n}"), range(request.param)))


def test_many_endpoints_with_many_ports_leave_nothing(
    empty_testbed: Testbed, boxes: Sequence[Sandbox]
) -> None:
    testbed, daemon, count = empty_testbed, Daemon(empty_testbed), len(boxes)
    daemon.create("blue")
    daemon.connect("c0", ports=specs(0))  # the first call makes what stays
    daemon.disconnect("c0")
    before = daemon.everything()
    assert sockets(daemon) == 0

    with ThreadPoolExecutor(CALLERS) as callers:
        connect = lambda n: daemon.connect(f"c{n}", ports=specs(n))  # noqa: E731
        endpoints = list(callers.map(connect, range(count)))
        ports = [port for endpoint in endpoints for port in numbers(endpoint)]
        udp = {number for protocol, number in ports if protocol == PROTOCOL_UDP}
        assert len(set(ports)) == count * PORTS
        assert sockets(daemon) == len(ports)
        # Twelve single ports, and four of a range that changes numbers, there and back. One for the
        # other range.
        assert elements(testbed) == {
            **{f"pub{version}": 16 * count for version in (4, 6)},
            **{f"pubsrc{version}": 16 * count for version in (4, 6)},
            **{f"pubr_tcp{version}": count for version in (4, 6)},
            "ports": count,  # of bridges, in the table of family bridge
        }
        with testbed.outside.inside(lambda: socket.socket(type=socket.SOCK_DGRAM)) as sock:
            for number in udp:
                sock.sendto(b"ping", (HOST[0], number))
        eventually(lambda: udp <= flows(testbed))
        list(callers.map(lambda n: daemon.disconnect(f"c{n}"), range(count)))

    assert daemon.everything() == before
    assert elements(testbed) == {}
    assert not udp & flows(testbed)
    assert sockets(daemon) == 0
    require_free(testbed, ports)
    for box in boxes:
        assert set(box.links()) == {"lo"}
    daemon.stop()
