"""The way of a call: read its request, run its method, send its answer.

It refuses calls while the daemon starts or stops, gives each call a request id and a deadline,
turns errors into statuses, and logs one line for each call.
"""

import contextlib
import re
import secrets
import time
from collections.abc import Iterator
from enum import Enum
from functools import partial
from typing import Any, TypeAlias

import grpc
import structlog
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2
from grpc_status import rpc_status

from mynet.server.calls.call import Call
from mynet.server.errors import (
    CallerGone,
    ShuttingDown,
    Starting,
)
from mynet.server.model.callers import Caller, Listener
from mynet.server.model.limits import Limits
from mynet.server.model.roles import Roles
from mynet.server.proxy.peers import Peers
from mynet.server.services.front.audit import Audit, AuditEntry
from mynet.server.services.front.callers import identify
from mynet.server.services.front.limits import BytesInFlight, WaitingCalls
from mynet.server.services.front.methods import Method
from mynet.server.services.front.rates import Rates
from mynet.server.services.front.requests import Requests
from mynet.server.services.front.roles import require_role
from mynet.server.services.front.turns import Turns
from mynet.server.services.status import to_status

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_REQUEST_ID = "x-request-id"
_REQUEST_ID_FORM = re.compile(r"[\w.:-]{1,64}")

_READING_SECONDS = 1.0  # what a caller has left to send its request when the daemon stops

# The class is generic for type checkers alone, so the name is quoted.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class Phase(Enum):
    """The phase of the daemon's life."""

    STARTING = 1
    SERVING = 2
    STOPPING = 3


class Front:
    """Answers the calls of mynet's services while the daemon serves."""

    def __init__(self, seconds: float, limits: Limits, audit: Audit | None = None) -> None:
        """Make a front for calls that take ``seconds`` at most."""
        self.seconds = seconds
        self.limits = limits
        # What the principals of TLS listeners may do. It is replaced when the configuration is.
        self.roles = Roles()
        # The users of connections that the proxy has accepted.
        self.peers = Peers()
        self.audit = audit
        self.waiting = WaitingCalls(limits.max_waiting_calls)
        self._requests = Requests(limits, self.waiting)
        self.bytes_in_flight = BytesInFlight(limits.max_bytes_in_flight)
        self.turns = Turns(limits.max_running_calls, limits.max_queued_calls)
        self.rates = Rates(limits.rate_limit, limits.rate_burst)
        self._phase = Phase.STARTING

    @property
    def phase(self) -> Phase:
        """The phase of the daemon's life."""
        return self._phase

    def enter(self, phase: Phase) -> None:
        """Enter a phase: calls are accepted while the phase is SERVING."""
        self._phase = phase

    def drain(self, seconds: float) -> bool:
        """Refuse new calls and wait for those in progress; return whether all ended in time.

        After a second, the calls that still wait for their callers are cancelled.
        """
        self.enter(Phase.STOPPING)
        patience = min(seconds, _READING_SECONDS)
        if self.turns.wait_until_idle(patience):
            return True
        self.waiting.cancel_all()
        return self.turns.wait_until_idle(seconds - patience)

    def handler(self, method: Method, listener: Listener) -> Handler:
        """Return the handler of a method for gRPC, for callers of a listener.

        For gRPC, every request is a stream. On the wire, a stream of one message is the same as one
        message.
        """
        if method.streams_answer:
            return grpc.stream_stream_rpc_method_handler(partial(self._stream, method, listener))
        return grpc.stream_unary_rpc_method_handler(partial(self._answer, method, listener))

    def _answer(
        self,
        method: Method,
        listener: Listener,
        bodies: Iterator[bytes],
        context: grpc.ServicerContext,
    ) -> bytes:
        """Answer a call with one message."""
        with self._run(method, listener, bodies, context) as (request, call, entry):
            with self._turn(call):
                entry.answer = method.answer(request, call)
                answer = entry.answer.SerializeToString()
            self.bytes_in_flight.answer(context, len(answer))
        return answer

    def _stream(
        self,
        method: Method,
        listener: Listener,
        bodies: Iterator[bytes],
        context: grpc.ServicerContext,
    ) -> Iterator[bytes]:
        """Answer a call with several messages. gRPC takes the next one when it has sent one."""
        with self._run(method, listener, bodies, context) as (request, call, _):
            with self._turn(call):
                answers = method.answers(request, call)
            self.bytes_in_flight.answer(context, answers.size)
            with self.waiting.entry(context):
                for message in answers.messages:
                    yield message.SerializeToString()

    @contextlib.contextmanager
    def _run(
        self,
        method: Method,
        listener: Listener,
        bodies: Iterator[bytes],
        context: grpc.ServicerContext,
    ) -> Iterator[tuple[Message | Iterator[Message], Call, AuditEntry]]:
        """Read a request for a block that answers it. An error of either ends the call."""
        request_id = _request_id(context)
        context.send_initial_metadata(((_REQUEST_ID, request_id),))
        error: Exception | None = None
        caller = Caller(listener.role, listener.address, context.peer())
        entry = AuditEntry(method, caller, request_id)
        started = time.monotonic()
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id, method=method.name),
            self.bytes_in_flight.request() as count,
        ):
            try:
                entry.caller = caller = identify(listener, context, self.roles, self.peers)
                self.rates.take(caller)
                require_role(method.path, caller, listener)  # before the request is read
                self._require_serving()
                request = self._requests.read(method, bodies, context, count, entry)
                self.rates.charge(caller, method.further_requests(request))
                started = time.monotonic()
                yield request, self._call(context, request_id, caller), entry
            except grpc.RpcError:  # the caller has gone away, and gRPC has ended the call
                raise
            except GeneratorExit as end:  # the caller does not take the rest of the answer
                self._record(entry, end, started)
                raise
            except Exception as failure:  # noqa: BLE001 - every error becomes a status
                error = failure
            self._record(entry, error, started)
            status = to_status(error) if error else status_pb2.Status()
            _log_call(status, error, time.monotonic() - started)
        if status.code != code_pb2.OK:
            context.abort_with_status(rpc_status.to_status(status))

    def _record(self, entry: AuditEntry, error: BaseException | None, started: float) -> None:
        """Write the line of a call for the audit log, if there is one."""
        if self.audit:
            self.audit.record(entry, error, time.monotonic() - started)

    def _require_serving(self) -> None:
        """Raise Starting or ShuttingDown unless calls are accepted."""
        if self._phase is Phase.STARTING:
            raise Starting("mynetd is starting; call again in a moment")
        if self._phase is Phase.STOPPING:
            raise ShuttingDown("mynetd is stopping; call again when it runs again")

    @contextlib.contextmanager
    def _turn(self, call: Call) -> Iterator[None]:
        """Wait for the turn of a call.

        Raises LimitExceeded, Starting, ShuttingDown, and CallerGone.

        The phase is checked within the turn, as `drain` waits for those that have one.
        """
        with self.turns.turn(call):
            self._require_serving()
            if not call.alive():
                raise CallerGone("the caller has gone away before its call began")
            yield

    def _call(self, context: grpc.ServicerContext, request_id: str, caller: Caller) -> Call:
        remaining = context.time_remaining()
        seconds = self.seconds if remaining is None else min(remaining, self.seconds)
        return Call(
            deadline=time.monotonic() + seconds,
            request_id=request_id,
            caller=caller,
            is_active=context.is_active,
        )


def _request_id(context: grpc.ServicerContext) -> str:
    """Return the id that the caller gave its request, or a new one."""
    given = dict(context.invocation_metadata()).get(_REQUEST_ID, "")
    is_usable = isinstance(given, str) and _REQUEST_ID_FORM.fullmatch(given)
    return str(given) if is_usable else secrets.token_hex(8)


def _log_call(status: status_pb2.Status, error: Exception | None, seconds: float) -> None:
    """Log one line for a call, with the traceback of an internal error."""
    line = {"code": code_pb2.Code.Name(status.code), "ms": round(seconds * 1000, 1)}
    if error is None:
        log.info("call", **line)
    elif status.code == code_pb2.INTERNAL:
        log.error("call", **line, error=str(error), exc_info=error)
    else:
        log.info("call", **line, error=str(error))
