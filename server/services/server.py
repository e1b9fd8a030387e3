"""The gRPC server: mynet's two services, health and reflection, on one or more addresses."""

import contextlib
import resource
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import structlog

from mynet.server.core import Core
from mynet.server.errors import CannotStart
from mynet.server.services.front import sockets
from mynet.server.services.front.calls import Front, Handler, Phase
from mynet.server.services.front.limits import Limits
from mynet.server.services.front.methods import SERVICES, methods_of
from mynet.server.services.front.standard import StandardServices
from mynet.server.services.ipam_service import IPAMService
from mynet.server.services.network_service import NetworkService

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# Calls at work at once. They are more than one plugin's callers (executor.CALLERS), so that calls
# of other plugins are served while one hangs.
WORKERS = 128
_UNIX = "unix://"
_ANY_IPV4 = "0.0.0.0"  # noqa: S104 - compared with what the operator named
# gRPC refuses a message of more bytes by itself, in words of its own. So this limit is larger than
# that of the front, which names the limit.
_OVER = 2
_FEWEST_CONNECTIONS = 16


class _Services(grpc.GenericRpcHandler):
    """All handlers, by the paths of their requests."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        return self._handlers.get(handler_call_details.method)


class Server:
    """Listens, and answers STARTING until :meth:`serve` is called."""

    def __init__(
        self, core: Core, addresses: Sequence[str], seconds: float, limits: Limits | None = None
    ) -> None:
        """Listen on all addresses. Raises CannotStart.

        A call takes ``seconds`` at most, also if its client gave a later deadline.
        """
        limits = limits or Limits()
        self.front = Front(seconds, limits)
        names = tuple(service.full_name for service in SERVICES)
        self.standard = StandardServices(self.front, names)
        self._server = grpc.server(
            # A call that waits for its caller occupies a thread, too.
            ThreadPoolExecutor(WORKERS + limits.waiting_calls, thread_name_prefix="call"),
            options=_options(limits),
        )
        servicers = {"NetworkService": NetworkService(core), "IPAMService": IPAMService(core)}
        handlers = {
            method.path: self.front.handler(method)
            for service in SERVICES
            for method in methods_of(service, servicers[service.name])
        }
        self._server.add_generic_rpc_handlers([_Services(handlers | self.standard.handlers())])
        for address in addresses:
            self._listen(address)
        self._server.start()

    def serve(self) -> None:
        """Accept calls from now on."""
        self.front.enter(Phase.SERVING)
        self.standard.set_health(serving=True)

    def stop(self, grace: float) -> bool:
        """Refuse new calls and wait for those in progress; return whether all ended in time."""
        self.standard.set_health(serving=False)
        drained = self.front.drain(grace)
        self._server.stop(grace=0.2 if drained else 0).wait(2)
        return drained

    def _listen(self, address: str) -> None:
        try:
            if address.startswith(_UNIX):
                path = Path(address.removeprefix(_UNIX))
                with sockets.prepared(path):
                    self._server.add_insecure_port(f"unix:{path}")
            else:
                self._listen_on_tcp(address)
        except (RuntimeError, OSError) as error:
            raise CannotStart(
                f"cannot listen on {address}: {error}; stop what listens there, or choose another"
                " address with --listen"
            ) from error

    def _listen_on_tcp(self, address: str) -> None:
        """Listen without encryption. Raises RuntimeError."""
        log.warning(
            "serves TCP without encryption and authentication: every program that reaches the"
            " address can change this host's networks",
            address=address,
        )
        host, _, port = address.rpartition(":")
        with sockets.ipv4_alone(int(port)) if host == _ANY_IPV4 else contextlib.nullcontext():
            self._server.add_insecure_port(address)


def _options(limits: Limits) -> Sequence[tuple[str, int]]:
    """Return gRPC's options for the limits. Source: grpc/impl/channel_arg_names.h."""
    # A connection costs a file descriptor. The daemon needs others, for published ports above all.
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections = max(_FEWEST_CONNECTIONS, min(limits.connections, descriptors // 4))
    return (
        # Otherwise a second server could listen on the same TCP port.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", _OVER * limits.request_bytes),
        ("grpc.max_allowed_incoming_connections", connections),
        ("grpc.max_concurrent_streams", limits.streams),
        ("grpc.max_connection_idle_ms", round(limits.idle_seconds * 1000)),
        ("grpc.max_connection_age_ms", round(limits.age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", round(limits.age_grace_seconds * 1000)),
    )
