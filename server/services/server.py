"""The gRPC server: mynet's two services, health and reflection, on one or more addresses."""

import contextlib
import resource
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import structlog

from mynet.server.core import Core
from mynet.server.errors import CannotStart
from mynet.server.model.callers import Listener
from mynet.server.model.limits import Limits
from mynet.server.services.front import sockets
from mynet.server.services.front.audit import Audit, LineWriter
from mynet.server.services.front.calls import Front, Handler, Phase
from mynet.server.services.front.certificates import Certificates
from mynet.server.services.front.methods import SERVICES, methods_of
from mynet.server.services.front.self_call import call_health
from mynet.server.services.front.standard import StandardServices
from mynet.server.services.ipam_service import IPAMService
from mynet.server.services.network_service import NetworkService
from mynet.server.tls import TlsFiles

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

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
        self,
        core: Core,
        listeners: Sequence[Listener],
        seconds: float,
        limits: Limits | None = None,
        tls: TlsFiles | None = None,
        audit: LineWriter | None = None,
    ) -> None:
        """Listen on all addresses. Raises CannotStart.

        A call takes ``seconds`` at most, also if its client gave a later deadline. Listeners with
        TLS need its files.
        """
        limits = limits or Limits()
        self.front = Front(seconds, limits, Audit(audit) if audit else None)
        names = tuple(service.full_name for service in SERVICES)
        self.standard = StandardServices(self.front, names)
        # Each call occupies a thread, also while it waits. So no call waits for a thread.
        most = limits.max_running_calls + limits.max_queued_calls + limits.max_waiting_calls
        threads = ThreadPoolExecutor(most, thread_name_prefix="call")
        servicers = {"NetworkService": NetworkService(core), "IPAMService": IPAMService(core)}
        methods = [
            method
            for service in SERVICES
            for method in methods_of(service, servicers[service.name])
        ]
        # A server for each listener, as a call does not tell which listener it came by.
        self._listeners = listeners
        self._servers = [grpc.server(threads, options=_options(limits)) for _ in listeners]
        for server, listener in zip(self._servers, listeners, strict=True):
            handlers = {method.path: self.front.handler(method, listener) for method in methods}
            server.add_generic_rpc_handlers([_Services(handlers | self.standard.handlers())])
            _listen(server, listener, tls)
        for server in self._servers:
            server.start()

    def serve(self) -> None:
        """Accept calls from now on."""
        self.front.enter(Phase.SERVING)
        self.standard.set_health(serving=True)

    def checks(self) -> Mapping[str, Callable[[], object]]:
        """Return for each listener a function that returns or raises when the listener answers."""
        return {
            f"listener {listener.address}": partial(call_health, listener)
            for listener in self._listeners
        }

    def stop(self, grace: float) -> bool:
        """Refuse new calls and wait for those in progress; return whether all ended in time."""
        self.standard.set_health(serving=False)
        drained = self.front.drain(grace)
        stopped = [server.stop(grace=0.2 if drained else 0) for server in self._servers]
        for event in stopped:
            event.wait(2)
        return drained


def _listen(server: grpc.Server, listener: Listener, tls: TlsFiles | None) -> None:
    """Make a server listen. Raises CannotStart."""
    try:
        if listener.path is None:
            _listen_on_tcp(server, listener, tls if listener.tls else None)
        else:
            with sockets.prepared(listener.path, listener.group, listener.mode):
                server.add_insecure_port(f"unix:{listener.path}")
    except (RuntimeError, OSError, ValueError) as error:
        raise CannotStart(
            f"cannot listen on {listener.address}: {error}; stop what listens there, or choose"
            " another address with --listen"
        ) from error


def _listen_on_tcp(server: grpc.Server, listener: Listener, tls: TlsFiles | None) -> None:
    """Listen with TLS, or without encryption. Raises RuntimeError, and ValueError for the files."""
    host, _, port = listener.address.rpartition(":")
    with sockets.ipv4_alone(int(port)) if host == _ANY_IPV4 else contextlib.nullcontext():
        if tls:
            server.add_secure_port(listener.address, Certificates(tls).credentials)
            return
        log.warning(
            "serves TCP without encryption and authentication: every program that reaches the"
            " address can call this daemon",
            address=listener.address,
            role=listener.role.name.lower(),
        )
        server.add_insecure_port(listener.address)


def _options(limits: Limits) -> Sequence[tuple[str, int]]:
    """Return gRPC's options for the limits. Source: grpc/impl/channel_arg_names.h."""
    # A connection costs a file descriptor. The daemon needs others, for published ports above all.
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections = max(_FEWEST_CONNECTIONS, min(limits.max_connections, descriptors // 4))
    return (
        # Otherwise a second server could listen on the same TCP port.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", _OVER * limits.max_request_bytes),
        ("grpc.max_allowed_incoming_connections", connections),
        ("grpc.max_concurrent_streams", limits.max_concurrent_streams),
        ("grpc.max_connection_idle_ms", round(limits.max_connection_idle * 1000)),
        ("grpc.max_connection_age_ms", round(limits.max_connection_age * 1000)),
        ("grpc.max_connection_age_grace_ms", round(limits.max_connection_age_grace * 1000)),
    )
