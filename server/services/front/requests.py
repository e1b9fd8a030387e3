"""Reading the request of a call, one message after another, within the limits of the daemon.

gRPC would read a request before the method is known. Here the daemon reads it, so it counts the
calls that wait for their callers.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator

import grpc
from google.protobuf.message import Message

from mynet.server.errors import CallerGone, InvalidArgument, LimitExceeded, Violation
from mynet.server.model.limits import Limits
from mynet.server.services.front.audit import AuditEntry
from mynet.server.services.front.limits import WaitingCalls
from mynet.server.services.front.methods import Method


class Requests:
    """Reads the requests of all calls."""

    def __init__(self, limits: Limits, waiting: WaitingCalls) -> None:
        self._limits = limits
        self._waiting = waiting

    def read(
        self,
        method: Method,
        bodies: Iterator[bytes],
        context: grpc.ServicerContext,
        count: Callable[[int], None],
        entry: AuditEntry,
    ) -> Message | Iterator[Message]:
        """Return the request of a call. Raises LimitExceeded, InvalidArgument and CallerGone.

        ``count`` is told the size of each message, and ``entry`` gets the first one.
        """

        def messages() -> Iterator[Message]:
            total, most = 0, self._limits.max_document_bytes
            with contextlib.suppress(StopIteration):
                while True:
                    body = self._next(bodies, context)
                    total += len(body)
                    if total > most:
                        raise LimitExceeded("max_document_bytes", most, "send less in one request")
                    count(len(body))
                    message = method.parse(body)
                    entry.request = entry.request or message
                    yield message
            if not context.is_active():
                raise CallerGone("the caller has gone away, or took too long to send its request")

        return _all(messages()) if method.streams_request else _only(messages())

    def _next(self, bodies: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """Return the next message of a caller. Raises LimitExceeded, and StopIteration at the end.

        grpc's error for a caller that has gone away passes through, and gRPC ends the call.
        """
        with self._waiting.entry(context):
            body = next(bodies)
        if len(body) > self._limits.max_request_bytes:
            most = self._limits.max_request_bytes
            raise LimitExceeded("max_request_bytes", most, f"a message of it has {len(body)} bytes")
        return body


def _only(requests: Iterator[Message]) -> Message:
    """Return the first message of a request. Raises InvalidArgument if there is none."""
    for request in requests:
        return request
    raise InvalidArgument([Violation("request", "is missing; the call ended without a message")])


def _all(requests: Iterator[Message]) -> Iterator[Message]:
    """Read all messages of a request; return an iterator that frees each one.

    So a call that has its turn does not wait for its caller.
    """
    messages = deque(requests)
    return (messages.popleft() for _ in range(len(messages)))
