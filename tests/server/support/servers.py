"""gRPC servers that tests share, each with one core behind it at a time.

A server costs more than the core, the store and the fakes that a test needs. A test takes a server
that no other daemon of this process uses, and gives it back at its end.
"""

import tempfile
from pathlib import Path
from typing import cast

import grpc

from mynet.server.core import Core
from mynet.server.model.callers import Listener
from mynet.server.services.front.calls import Phase
from mynet.server.services.server import Server

_OPTIONS = [("grpc.max_receive_message_length", -1)]  # exports are large


class _ExchangeableCore:
    """What the services take for the core: each of its parts is looked up when a call needs it."""

    def __init__(self) -> None:
        self.core: Core | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self.core, name)


class TestServer:
    """A server on a unix socket, and a channel to it."""

    __test__ = False

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mynet-")
        self._core = _ExchangeableCore()
        self.address = f"unix://{Path(self._folder.name)}/d.sock"
        self.server = Server(cast("Core", self._core), [Listener(self.address)], seconds=0)
        self.channel = grpc.insecure_channel(self.address, options=_OPTIONS)

    def begin(self, core: Core, seconds: float) -> None:
        """Put a core behind the server, which answers STARTING from now on."""
        self._core.core = core
        self.server.front.seconds = seconds
        self.server.front.enter(Phase.STARTING)
        self.server.standard.set_health(serving=False)

    def end(self) -> bool:
        """Wait until no call is inside; return whether the server can be used again."""
        was_stopped = self.server.front.phase is Phase.STOPPING
        drained = self.server.front.drain(1)
        self._core.core = None
        return drained and not was_stopped

    def close(self) -> None:
        """Close the channel and stop the server."""
        self.channel.close()
        self.server.stop(1)
        self._folder.cleanup()


_idle: list[TestServer] = []


def take() -> TestServer:
    """Return a server that no daemon uses."""
    return _idle.pop() if _idle else TestServer()


def give_back(server: TestServer) -> None:
    """Keep a server for the next daemon, unless it was stopped or a call hangs in it."""
    if server.end():
        _idle.append(server)
    else:
        server.close()


def close_all() -> None:
    """Close the servers that no daemon uses."""
    while _idle:
        _idle.pop().close()
