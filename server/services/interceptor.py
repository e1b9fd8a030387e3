"""The interceptor of all calls to mynet's services.

It refuses calls while the daemon starts or stops, gives each call a request id and a deadline,
turns errors into statuses, and logs one line for each call.
"""

import contextlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from typing import Any, TypeAlias

import grpc
import structlog
from google.rpc import code_pb2, status_pb2
from grpc_status import rpc_status

from mynet.server.calls.call import Call
from mynet.server.errors import ShuttingDown, Starting
from mynet.server.services.status import to_status

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_OURS = "/mynet.v1."
_REQUEST_ID = "x-request-id"
_REQUEST_ID_FORM = re.compile(r"[\w.:-]{1,64}")

# The class is generic for type checkers alone, so the name is quoted.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class Phase(Enum):
    """The phase of the daemon's life."""

    STARTING = 1
    SERVING = 2
    STOPPING = 3


class CallInterceptor(grpc.ServerInterceptor):
    """Accepts calls while the daemon serves."""

    def __init__(self, seconds: float) -> None:
        """Make an interceptor for calls that take ``seconds`` at most."""
        self._seconds = seconds
        # Guards `_phase` and `_active`, the number of calls in progress. Notified when a call ends.
        self._changed = threading.Condition()
        self._phase = Phase.STARTING
        self._active = 0

    def enter(self, phase: Phase) -> None:
        """Enter a phase: calls are accepted while the phase is SERVING."""
        with self._changed:
            self._phase = phase

    def drain(self, seconds: float) -> bool:
        """Refuse new calls and wait for those in progress; return whether all ended in time."""
        self.enter(Phase.STOPPING)
        with self._changed:
            return self._changed.wait_for(lambda: not self._active, timeout=seconds)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wrap the handlers of mynet's services. Health and reflection are always served."""
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or handler.unary_unary is None or not method.startswith(_OURS):
            return handler
        return grpc.unary_unary_rpc_method_handler(
            partial(self._answer, method.removeprefix(_OURS), handler.unary_unary),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _answer(
        self,
        method: str,
        behaviour: Callable[[Any, Any], Any],
        request: Any,  # noqa: ANN401 - any message
        context: grpc.ServicerContext,
    ) -> Any:  # noqa: ANN401 - any message
        """Run a method of mynet's services, which takes a Call in place of grpc's context."""
        call = self._call(context)
        context.send_initial_metadata(((_REQUEST_ID, call.request_id),))
        with structlog.contextvars.bound_contextvars(request_id=call.request_id, method=method):
            started = time.monotonic()
            answer, error = None, None
            try:
                with self._counted():
                    answer = behaviour(request, call)
            except Exception as failure:  # noqa: BLE001 - every error becomes a status
                error = failure
            status = to_status(error) if error else status_pb2.Status()
            _log_call(status, error, time.monotonic() - started)
        if status.code != code_pb2.OK:
            context.abort_with_status(rpc_status.to_status(status))
        return answer

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a call while it is in progress. Raises Starting and ShuttingDown."""
        with self._changed:
            if self._phase is Phase.STARTING:
                raise Starting("mynetd is starting; call again in a moment")
            if self._phase is Phase.STOPPING:
                raise ShuttingDown("mynetd is stopping; call again when it runs again")
            self._active += 1
        try:
            yield
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify_all()

    def _call(self, context: grpc.ServicerContext) -> Call:
        remaining = context.time_remaining()
        seconds = self._seconds if remaining is None else min(remaining, self._seconds)
        given = dict(context.invocation_metadata()).get(_REQUEST_ID, "")
        is_usable = isinstance(given, str) and _REQUEST_ID_FORM.fullmatch(given)
        return Call(
            deadline=time.monotonic() + seconds,
            request_id=str(given) if is_usable else secrets.token_hex(8),
            principal=context.peer(),
            is_active=context.is_active,
        )


def _log_call(status: status_pb2.Status, error: Exception | None, seconds: float) -> None:
    """Log one line for a call, with the traceback of an internal error."""
    line = {"code": code_pb2.Code.Name(status.code), "ms": round(seconds * 1000, 1)}
    if error is None:
        log.info("call", **line)
    elif status.code == code_pb2.INTERNAL:
        log.error("call", **line, error=str(error), exc_info=error)
    else:
        log.info("call", **line, error=str(error))
