"""The accepting proxy: one thread that accepts connections and passes their bytes on."""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from mynet.server.proxy.connection import Connection, End, Mask
from mynet.server.proxy.crowd import Crowd
from mynet.server.proxy.peers import Peers, credentials_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_ACCEPTED_AT_ONCE = 64
_PAUSE_SECONDS = 0.1  # without accepting, where no file descriptor is left
_LOG_SECONDS = 10.0  # from one log line about closed connections to the next
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outer:
    """A socket that clients connect to."""

    socket: socket.socket
    # The path of gRPC's socket behind it.
    inner: str
    # Whether the socket stays open in another process, in which clients may wait for the next
    # daemon.
    is_inherited: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    """An open connection."""

    connection: Connection
    uid: int
    # In `Peers`.
    name: str


class Proxy:
    """Serves sockets until it is closed. Its public methods belong to one thread of the daemon."""

    def __init__(self, peers: Peers, most: int) -> None:
        """Serve up to ``most`` connections, whose users are in ``peers``."""
        self._peers = peers
        self._most = most
        self._poll = select.epoll()
        self._handlers: dict[int, Callable[[Mask], None]] = {}
        self._outers: list[Outer] = []
        self._crowd: Crowd[_Open] = Crowd()
        self._resume = 0.0  # when to accept again, in seconds of time.monotonic(); 0 if it does
        self._logged = -_LOG_SECONDS
        self._unlogged = 0
        # What the thread is asked to do, with a descriptor that wakes it.
        self._wishes: list[Callable[[], None]] = []
        self._waker = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def add(self, outer: Outer) -> None:
        """Serve a socket that listens, once the proxy is started."""
        outer.socket.settimeout(0)
        self._outers.append(outer)

    def start(self) -> None:
        """Begin to accept connections."""
        self._poll.register(self._waker, select.EPOLLIN)
        self._handlers[self._waker] = self._do_wishes
        for outer in self._outers:
            self._handlers[outer.socket.fileno()] = partial(self._accept, outer)
        self._watch_outers()
        self._thread.start()

    def release_inherited(self) -> None:
        """Leave new connections of inherited sockets to the next daemon."""
        self._ask(self._release_inherited)

    def close(self) -> None:
        """Close all connections and sockets."""
        self._ask(self._close)
        self._thread.join(_CLOSE_SECONDS)

    def _ask(self, wish: Callable[[], None]) -> None:
        self._wishes.append(wish)
        os.eventfd_write(self._waker, 1)

    def _run(self) -> None:
        """Handle events until the proxy is closed."""
        while not self._is_closed:
            for descriptor, events in self._poll.poll(_PAUSE_SECONDS if self._resume else None):
                if handle := self._handlers.get(descriptor):
                    handle(events)
            if self._resume and time.monotonic() >= self._resume:
                self._resume = 0.0
                self._watch_outers()

    def _do_wishes(self, _: Mask) -> None:
        os.eventfd_read(self._waker)
        while self._wishes:
            self._wishes.pop(0)()

    def _accept(self, outer: Outer, _: Mask) -> None:
        """Accept the connections that wait. Pause where the daemon has no file descriptor left."""
        if self._resume:
            return
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                client, _ = outer.socket.accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError:
                self._pause()
                return
            try:
                self._open(outer, client)
            except OSError:  # no descriptor is left, or gRPC does not accept
                client.close()

    def _open(self, outer: Outer, client: socket.socket) -> None:
        """Connect a client to gRPC. Raises OSError, and leaves nothing but the client's socket."""
        credentials = credentials_of(client)
        near = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        name = ""
        try:
            near.settimeout(0)
            name = self._peers.register(near, credentials)
            near.connect(outer.inner)
        except OSError:
            self._peers.forget(name)
            near.close()
            raise
        opened = _Open(Connection(self._poll, client, near), credentials.uid, name)
        for end in opened.connection.ends:
            self._handlers[end.descriptor] = partial(self._handle, opened, end)
        self._crowd.add(opened.uid, opened)
        if len(self._crowd) > self._most:
            self._make_room()

    def _handle(self, opened: _Open, end: End, events: Mask) -> None:
        try:
            goes_on = opened.connection.handle(end, events)
        except OSError:  # one of the two has closed it
            goes_on = False
        if goes_on:
            self._crowd.note_activity(opened.uid, opened)
        else:
            self._end(opened)

    def _end(self, opened: _Open) -> None:
        for end in opened.connection.ends:
            del self._handlers[end.descriptor]
        opened.connection.close()
        self._peers.forget(opened.name)
        self._crowd.remove(opened.uid, opened)

    def _make_room(self) -> None:
        """Close the connection that gives way, and log how many have, once in a while."""
        uid, opened = self._crowd.first_to_go()
        self._end(opened)
        self._unlogged += 1
        now = time.monotonic()
        if now - self._logged >= _LOG_SECONDS:
            log.warning(
                "closed the connections that were idle longest, of the user with the most",
                connections=self._unlogged,
                uid=uid,
                limit="max_connections",
                value=self._most,
            )
            self._logged, self._unlogged = now, 0

    def _pause(self) -> None:
        """Accept nothing for a moment, and make room for what comes after it."""
        for outer in self._outers:
            self._poll.unregister(outer.socket.fileno())
        self._resume = time.monotonic() + _PAUSE_SECONDS
        if len(self._crowd):
            self._make_room()

    def _watch_outers(self) -> None:
        for outer in self._outers:
            self._poll.register(outer.socket.fileno(), select.EPOLLIN)

    def _release_inherited(self) -> None:
        kept = [outer for outer in self._outers if not outer.is_inherited]
        for outer in self._outers:
            if outer.is_inherited:
                del self._handlers[outer.socket.fileno()]
                with contextlib.suppress(FileNotFoundError):  # while it accepts nothing anyway
                    self._poll.unregister(outer.socket.fileno())
                outer.socket.close()
        self._outers = kept

    def _close(self) -> None:
        while len(self._crowd):
            self._end(self._crowd.first_to_go()[1])
        for outer in self._outers:
            outer.socket.close()
        self._poll.close()
        os.close(self._waker)
        self._is_closed = True
