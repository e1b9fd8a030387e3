"""A health call that the daemon makes to itself, as its callers do."""

import grpc
from grpc_health.v1 import health, health_pb2

from mynet.server.model.callers import Listener

_HOUR_MS = 3_600_000
_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),  # a connection of this call's own
    # gRPC gives up connecting after this time. A listener that hangs is no answer, and a connection
    # that is refused is one at once.
    ("grpc.min_reconnect_backoff_ms", _HOUR_MS),
    ("grpc.max_reconnect_backoff_ms", _HOUR_MS),
    ("grpc.enable_http_proxy", 0),
)


def call_health(listener: Listener) -> None:
    """Call the health service of a listener, without a deadline.

    Raises grpc.RpcError if the call is refused: by the limit of connections, for example, or
    because the listener expects another protocol.
    """
    target = listener.address if listener.path is None else f"unix:{listener.path}"
    with grpc.insecure_channel(target, _OPTIONS) as channel:
        check = channel.unary_unary(
            f"/{health.SERVICE_NAME}/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        check(health_pb2.HealthCheckRequest())
