"""Samples of published ports, and connections to them."""

import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mynet.v1.network_pb2 import PROTOCOL_UDP, PortMapping
from tests.e2e.support.daemon import eventually
from tests.e2e.support.namespace import PATIENCE, Namespace
from tests.e2e.support.testbed import Testbed

WEB = PortMapping(host_port=8080, container_port=80)
DNS = PortMapping(protocol=PROTOCOL_UDP, host_port=5300, container_port=53)
MANY = PortMapping(host_port=9000, container_port=9000, count=101)
CHOSEN = PortMapping(container_port=80)
ADDRESSES = ("10.88.0.2", "fd88::2")  # of the first sandbox on network blue
GATEWAYS = ("10.88.0.1", "fd88::1")
by_family = pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])


def reached(client: Namespace, server: Namespace, at: tuple[str, int], to: tuple[str, int]) -> str:
    """Exchange words over TCP by ``to`` with a listener at ``at``; return the source it saw."""
    with (
        server.listen(*at) as listener,
        client.dial(*to) as near,
        listener.accept()[0] as far,
    ):
        for sender, receiver in ((near, far), (far, near)):
            receiver.settimeout(PATIENCE)
            sender.sendall(b"words")
            assert receiver.recv(100) == b"words"
        peer: str = far.getpeername()[0]
        return peer


def answered(client: Namespace, server: Namespace, at: tuple[str, int], to: tuple[str, int]) -> str:
    """Exchange words over UDP by ``to`` with a server at ``at``; return the source it saw."""
    family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET

    def made() -> socket.socket:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.settimeout(PATIENCE)
        return sock

    with server.inside(made) as far, client.inside(made) as near:
        far.bind(at)
        near.connect(to)
        near.send(b"question")
        said, back = far.recvfrom(100)
        far.sendto(b"answer", back)
        assert (said, near.recv(100)) == (b"question", b"answer")
        return str(back[0])


def is_free(testbed: Testbed, port: int, kind: int = socket.SOCK_STREAM) -> bool:
    """Return whether a program of the host could bind a port at all its addresses."""

    def take() -> bool:
        with socket.socket(socket.AF_INET6, kind) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
            try:
                sock.bind(("::", port))
            except OSError:
                return False
            return True

    return testbed.inside(take)


def elements(testbed: Testbed) -> int:
    """Return how many elements the firewall's maps have that lead to published ports."""
    found = testbed.firewall().items()
    return sum(len(elements) for name, elements in found if re.match(r"pub(?!src)", name))


@contextmanager
def program(testbed: Testbed, port: int) -> Iterator[int]:
    """Run a program of the host that listens on a port; yield its pid."""
    script = f"import socket, time; s = socket.create_server(('', {port})); time.sleep(600)"
    process = testbed.start(sys.executable, "-c", script)
    eventually(lambda: not is_free(testbed, port))
    yield process.pid
    process.kill()
    process.wait(PATIENCE)
