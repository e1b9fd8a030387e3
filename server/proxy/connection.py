"""One connection: a client's socket and one to gRPC, each of whose bytes go to the other."""

import contextlib
import select
import socket

_CHUNK = 64 << 10  # bytes that are read at once, and that wait at most for a socket that is full

Mask = int


class End:
    """One of the two sockets."""

    __slots__ = ("descriptor", "has_ended", "mask", "other", "pending", "socket")

    def __init__(self, connected: socket.socket) -> None:
        connected.settimeout(0)
        self.socket = connected
        self.descriptor = connected.fileno()
        self.other = self
        # The bytes that this socket has not taken yet.
        self.pending = memoryview(b"")
        # Whether all of its bytes were read.
        self.has_ended = False
        # What epoll(7) reports of the socket.
        self.mask: Mask = 0


class Connection:
    """Passes bytes on, as far as the receiver takes them. Nothing is read beyond that."""

    def __init__(self, poll: select.epoll, client: socket.socket, near: socket.socket) -> None:
        """Pass bytes between a client and gRPC, and register both sockets with ``poll``."""
        self._poll = poll
        self.ends = (End(client), End(near))
        self.ends[0].other, self.ends[1].other = reversed(self.ends)
        for end in self.ends:
            self._await(end)

    def handle(self, end: End, events: Mask) -> bool:
        """Handle events of a socket; return False if the connection is over.

        Raises OSError if one of the two sides has closed it.
        """
        if end.pending and events & (select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP):
            self._send(end, end.pending)
        if not (end.has_ended or end.other.pending):
            self._receive(end)
        self._await(end)
        self._await(end.other)
        return not all(end.has_ended and not end.pending for end in self.ends)

    def close(self) -> None:
        """Close both sockets."""
        for end in self.ends:
            if end.mask:
                self._poll.unregister(end.descriptor)
            end.socket.close()

    def _receive(self, end: End) -> None:
        """Read what has arrived, and pass it on."""
        try:
            data = end.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        if data:
            self._send(end.other, memoryview(data))
        else:
            end.has_ended = True
            self._end_if_done(end.other)

    def _send(self, end: End, data: memoryview) -> None:
        """Send what the socket takes, and keep the rest."""
        sent = 0
        with contextlib.suppress(BlockingIOError):
            sent = end.socket.send(data)
        end.pending = data[sent:]
        self._end_if_done(end)

    def _end_if_done(self, end: End) -> None:
        """End the bytes to a socket after the last one, as the other side has."""
        if end.other.has_ended and not end.pending:
            end.socket.shutdown(socket.SHUT_WR)

    def _await(self, end: End) -> None:
        """Register for what the socket is to do next.

        A socket that is to do nothing is not registered: epoll would report again and again that
        its client is gone.
        """
        reads = not (end.has_ended or end.other.pending)
        mask = (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if end.pending else 0)
        if mask == end.mask:
            return
        if not end.mask:
            self._poll.register(end.descriptor, mask)
        elif mask:
            self._poll.modify(end.descriptor, mask)
        else:
            self._poll.unregister(end.descriptor)
        end.mask = mask
