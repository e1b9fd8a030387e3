"""A connection that a client and a server use all the time while a test does something."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.support.namespace import PATIENCE, Namespace


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
