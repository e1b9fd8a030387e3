"""The accepting proxy between clients and a server that echoes: bytes, users, room, and misuse."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mynet.server.model.callers import Credentials
from mynet.server.proxy.connection import Connection, End
from mynet.server.proxy.peers import Peers
from mynet.server.proxy.proxy import Outer, Proxy
from tests.server.support.polling import eventually

PATIENCE = 60
MUCH = 8 << 20  # bytes, more than all sockets on the way take
MOST = 8  # connections


class Inner:
    """The server behind the proxy, which keeps its connections for a test."""

    def __init__(self, path: Path) -> None:
        self.socket = listening(path)
        self.socket.settimeout(PATIENCE)

    def accept(self) -> socket.socket:
        connection, self.peer = self.socket.accept()
        connection.settimeout(PATIENCE)
        return connection


class Testbed:
    """A proxy before an inner server."""

    __test__ = False

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self.path = folder / "outer"
        self.inner = Inner(folder / "inner")
        self.peers = Peers()
        self.outer = listening(self.path)
        self.proxy = Proxy(self.peers, most)
        self.proxy.add(Outer(self.outer, str(folder / "inner"), is_inherited=False))
        self.proxy.start()

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(str(self.path))
        return client

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Return a client's socket, and the server's end of its connection."""
        client = self.connect()
        return client, self.inner.accept()

    def close(self) -> None:
        self.proxy.close()
        self.inner.socket.close()


def listening(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen(64)
    return made


@pytest.fixture
def testbed(folder: Path) -> Iterator[Testbed]:
    testbed = Testbed(folder)
    yield testbed
    testbed.close()


def read(source: socket.socket, size: int) -> bytes:
    """Read so many bytes, or to the end."""
    parts = []
    while size and (part := source.recv(min(size, 1 << 16))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def test_bytes_pass_in_both_directions(testbed: Testbed) -> None:
    client, server = testbed.pair()
    with client, server:
        client.sendall(b"question")
        assert read(server, 8) == b"question"
        server.sendall(b"answer")
        assert read(client, 6) == b"answer"


def test_the_user_of_a_connection_is_known_while_it_is_open(testbed: Testbed) -> None:
    client, server = testbed.pair()
    peer = f"unix-abstract:{testbed.inner.peer[1:].decode()}"
    assert testbed.peers.find(peer) == Credentials(os.getuid(), os.getgid(), os.getpid())
    assert testbed.peers.find("unix:") is None
    client.close()
    assert is_closed(server)
    server.close()
    assert eventually(lambda: testbed.peers.find(peer) is None)


def test_no_two_connections_have_names_that_a_user_can_guess(testbed: Testbed) -> None:
    names = set()
    for _ in range(4):
        client, server = testbed.pair()
        names.add(testbed.inner.peer)
        client.close()
        server.close()
    assert len(names) == 4
    assert {len(name) for name in names} == {len("\0mynet/") + 32}


def test_a_half_closed_connection_carries_the_answer(testbed: Testbed) -> None:
    client, server = testbed.pair()
    with client, server:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert read(server, 100) == b"question"  # to its end
        server.sendall(b"answer")
        server.shutdown(socket.SHUT_WR)
        assert read(client, 100) == b"answer"


@pytest.mark.parametrize("half_closed", [False, True])
def test_many_bytes_pass_a_reader_that_begins_late(testbed: Testbed, *, half_closed: bool) -> None:
    client, server = testbed.pair()
    data = os.urandom(MUCH)

    def send() -> None:
        client.sendall(data)
        if half_closed:
            client.shutdown(socket.SHUT_WR)

    with client, server:
        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(0.05)
        assert sender.is_alive()  # the proxy reads no more than it can pass on
        assert read(server, MUCH) == data
        sender.join(PATIENCE)


def test_a_reader_that_never_reads_stops_no_other(testbed: Testbed) -> None:
    silent, its_server = testbed.pair()
    its_server.settimeout(0.1)
    with silent, its_server, contextlib.suppress(TimeoutError):
        its_server.sendall(bytes(MUCH))
    silent, its_server = testbed.pair()
    with silent, its_server:
        client, server = testbed.pair()
        with client, server:
            client.sendall(b"x" * 100_000)
            assert read(server, 100_000) == b"x" * 100_000


@pytest.mark.parametrize("closes", ["client", "server"])
def test_a_side_that_goes_away_ends_the_connection(testbed: Testbed, closes: str) -> None:
    client, server = testbed.pair()
    gone, left = (client, server) if closes == "client" else (server, client)
    gone.close()
    assert is_closed(left)
    left.close()
    assert eventually(lambda: not len(testbed.proxy._crowd))
    with contextlib.ExitStack() as others:
        for _ in range(MOST):
            others.enter_context(testbed.connect())
            others.enter_context(testbed.inner.accept())


def test_a_client_that_is_killed_amid_its_request_costs_no_cpu(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket that is full and whose other end is gone is no reason to wake up again and again."""
    client, server = testbed.pair()
    with contextlib.suppress(TimeoutError):
        client.settimeout(0.1)
        client.sendall(bytes(MUCH))  # the server does not read
    client.close()
    handled: list[object] = []
    handle = Connection.handle

    def counted(connection: Connection, end: End, events: int) -> bool:
        handled.append(end)
        return handle(connection, end, events)

    monkeypatch.setattr(Connection, "handle", counted)
    time.sleep(0.3)
    assert len(handled) < 10
    read(server, MUCH)
    assert is_closed(server)
    server.close()


def test_the_connection_that_was_idle_longest_gives_way(testbed: Testbed) -> None:
    pairs = [testbed.pair() for _ in range(MOST)]
    pairs[0][0].sendall(b"x")  # now the second one has been idle longest
    assert read(pairs[0][1], 1) == b"x"
    new, server = testbed.pair()
    assert is_closed(pairs[1][0])
    for client, its_server in [pairs[0], *pairs[2:], (new, server)]:
        client.sendall(b"y")
        assert read(its_server, 1) == b"y"
    for pair in (*pairs, (new, server)):
        for end in pair:
            end.close()


def test_a_server_that_does_not_accept_costs_the_client_its_connection_alone(
    folder: Path,
) -> None:
    testbed = Testbed(folder)
    client, server = testbed.pair()
    testbed.inner.socket.close()
    with testbed.connect() as refused:
        assert is_closed(refused)
    with client, server:
        client.sendall(b"x")
        assert read(server, 1) == b"x"
    testbed.close()


def test_a_process_without_file_descriptors_accepts_again_when_it_has_some(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, server = testbed.pair()

    def full(_: socket.socket) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "accept", full)
        waiting = testbed.connect()
        assert is_closed(client)  # it makes room
        client.close()
    with waiting, testbed.inner.accept() as late:
        waiting.sendall(b"x")
        assert read(late, 1) == b"x"
    server.close()


def test_a_closed_proxy_has_closed_everything(folder: Path) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    testbed = Testbed(folder)
    pairs = [testbed.pair() for _ in range(3)]
    testbed.close()
    for client, server in pairs:
        assert is_closed(client)
        client.close()
        server.close()
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_an_inherited_socket_keeps_its_clients_for_the_next_daemon(folder: Path) -> None:
    systemd = listening(folder / "outer")
    inner = Inner(folder / "inner")
    proxies = []
    for _ in range(2):
        proxy = Proxy(Peers(), MOST)
        proxy.add(Outer(systemd.dup(), str(folder / "inner"), is_inherited=True))
        proxies.append(proxy)
    first, second = proxies
    first.start()
    first.release_inherited()
    first._thread.join(0.1)
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(str(folder / "outer"))
    first.close()
    second.start()
    client.sendall(b"x")
    with inner.accept() as server:
        assert read(server, 1) == b"x"
    second.close()
    for end in (client, systemd, inner.socket):
        end.close()
