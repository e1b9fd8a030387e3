"""Connections and datagrams between two that go on all the time while a test does something."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.e2e.support.namespace import PATIENCE, Namespace

_UNDER_WAY, _FIRST, _LAST = 16, b"first", b"last"


class Conversation:
    """Turns of a client with a server that echoes, each sent when the last one came back."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._turns = 0
        self._end = threading.Event()
        self._turned = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go_on(self) -> None:
        """Wait until ten more turns came back."""
        with self._turned:
            goal = self._turns + 10
            done = self._turned.wait_for(lambda: self._turns >= goal, PATIENCE)
        assert done, "the connection does not go on"

    def stop(self) -> None:
        self._end.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._end.wait(0.002):
            word = str(self._turns).encode()
            self._connection.send(word)
            if self._connection.recv(100) != word:
                return
            with self._turned:
                self._turns += 1
                self._turned.notify_all()


@contextmanager
def conversation(client: Namespace, server: Namespace, address: str) -> Iterator[Conversation]:
    """Keep a client talking with a server at ``address`` for the time of the block."""
    with (
        server.listen(address) as listener,
        client.dial(address, listener.getsockname()[1]) as near,
        listener.accept()[0] as far,
    ):

        def echo() -> None:
            while word := far.recv(100):
                far.send(word)

        thread = threading.Thread(target=echo, daemon=True)
        thread.start()
        talk = Conversation(near)
        talk.go_on()
        yield talk
        talk.stop()
        near.shutdown(socket.SHUT_WR)
        thread.join(PATIENCE)


class Datagrams:
    """Numbered datagrams that a server echoes. Sixteen are under way at any time.

    The machine itself loses none of so few, however busy it is. They begin when one has come back:
    of several at once that begin a flow, the kernel may drop some.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(0.1)
        self._back: set[bytes] = set()
        self._await(_FIRST)
        self._sent = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join(PATIENCE)

    def lost(self) -> int:
        """Stop sending; return how many of the datagrams did not come back."""
        self.stop()
        self._await(_LAST)  # it comes after all others
        return self._sent - len(self._back - {_FIRST, _LAST})

    def _await(self, word: bytes) -> None:
        """Send a datagram until it comes back."""
        end = time.monotonic() + PATIENCE
        while word not in self._back:
            assert time.monotonic() < end, "no datagram comes back"
            self._connection.send(word)
            self._receive()

    def _run(self) -> None:
        while not self._end.is_set():
            while self._sent - len(self._back) < _UNDER_WAY:
                self._connection.send(str(self._sent).encode())
                self._sent += 1
            self._receive()

    def _receive(self) -> None:
        with suppress(TimeoutError):
            self._back.add(self._connection.recv(100))


@contextmanager
def datagrams(client: Namespace, server: Namespace, address: str) -> Iterator[Datagrams]:
    """Send datagrams from a client to a server at ``address`` for the time of the block."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (
        server.inside(lambda: socket.socket(family, socket.SOCK_DGRAM)) as far,
        client.inside(lambda: socket.socket(family, socket.SOCK_DGRAM)) as near,
    ):
        far.bind((address, 0))
        near.connect(far.getsockname())

        def echo() -> None:
            while True:
                word, sender = far.recvfrom(100)
                if not word:
                    return
                far.sendto(word, sender)

        thread = threading.Thread(target=echo, daemon=True)
        thread.start()
        flow = Datagrams(near)
        try:
            yield flow
        finally:
            flow.stop()
            near.send(b"")
            thread.join(PATIENCE)
