"""gRPC's standard services, health and reflection, under the same limits as mynet's own.

Grpcio's servicers are called with the request, so grpcio would wait for it without a limit. Here
each of their calls counts as one that waits for its caller, until it ends.
"""

import itertools
from collections.abc import Iterator
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

# Imported so that reflection has these messages, and grpcurl can print the details of an error.
from google.rpc import error_details_pb2  # noqa: F401
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from mynet.server.errors import TlsTooOld
from mynet.server.services.front.callers import require_new_tls
from mynet.server.services.front.calls import Front, Handler
from mynet.server.services.front.reflection import symbols

_HEALTH_REQUEST = health_pb2.HealthCheckRequest
_REFLECTION_REQUEST = reflection_pb2.ServerReflectionRequest

M = TypeVar("M", bound=Message)


class StandardServices:
    """Health and reflection, which are served from the start to the end."""

    def __init__(self, front: Front, names: tuple[str, ...]) -> None:
        """Serve health for these services. Reflection lists them, and itself."""
        self._front = front
        self._names = ("", *names)
        self._health = health.HealthServicer()
        self.set_health(serving=False)
        listed = (*names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        self._reflection = reflection.ReflectionServicer(listed, symbols())

    def set_health(self, *, serving: bool) -> None:
        """Set the health of the daemon and of each service."""
        status = health_pb2.HealthCheckResponse
        for name in self._names:
            self._health.set(name, status.SERVING if serving else status.NOT_SERVING)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the paths of their requests."""
        return {
            f"/{health.SERVICE_NAME}/Check": grpc.stream_unary_rpc_method_handler(self._check),
            f"/{health.SERVICE_NAME}/Watch": grpc.stream_stream_rpc_method_handler(self._watch),
            f"/{reflection.SERVICE_NAME}/ServerReflectionInfo": (
                grpc.stream_stream_rpc_method_handler(self._reflect)
            ),
        }

    def _check(self, bodies: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        with self._front.waiting.entry(context):
            request = next(_parsed(_HEALTH_REQUEST, bodies, context), _HEALTH_REQUEST())
        return self._health.Check(request, context).SerializeToString()

    def _watch(self, bodies: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        with self._front.waiting.entry(context):
            for request in itertools.islice(_parsed(_HEALTH_REQUEST, bodies, context), 1):
                for answer in self._health.Watch(request, context):
                    yield answer.SerializeToString()

    def _reflect(self, bodies: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        with self._front.waiting.entry(context):
            requests = _parsed(_REFLECTION_REQUEST, bodies, context)
            for answer in self._reflection.ServerReflectionInfo(requests, context):
                yield answer.SerializeToString()


def _parsed(kind: type[M], bodies: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[M]:
    """Yield the messages of a request. A message of another kind ends the call, and old TLS."""
    try:
        require_new_tls(context)
    except TlsTooOld as error:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, str(error))
    for body in bodies:
        try:
            yield kind.FromString(body)
        except DecodeError:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"not a {kind.DESCRIPTOR.full_name}")
