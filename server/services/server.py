"""The gRPC server: mynet's two services, health and reflection, on one or more addresses."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import grpc

from mynet.server.core import Core
from mynet.server.model.callers import Listener
from mynet.server.model.limits import Limits
from mynet.server.services.front.audit import Audit, LineWriter
from mynet.server.services.front.calls import Front, Handler, Phase
from mynet.server.services.front.methods import SERVICES, methods_of
from mynet.server.services.front.standard import StandardServices
from mynet.server.services.ipam_service import IPAMService
from mynet.server.services.listening.listeners import Listening
from mynet.server.services.listening.self_call import call_health
from mynet.server.services.network_service import NetworkService
from mynet.server.tls import TlsFiles


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
        private: Path | None = None,
    ) -> None:
        """Listen on all addresses. Raises CannotStart.

        A call takes ``seconds`` at most, also if its client gave a later deadline. Listeners with
        TLS need its files. Listeners behind the proxy need a folder that only the daemon may enter,
        ``private``, which is made.
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
        self._listening = Listening(self.front.peers, limits, tls, private)
        self._servers: list[grpc.Server] = []
        for listener in listeners:
            server = grpc.server(threads, options=self._listening.options(listener))
            self._servers.append(server)
            handlers = {method.path: self.front.handler(method, listener) for method in methods}
            server.add_generic_rpc_handlers([_Services(handlers | self.standard.handlers())])
            self._listening.listen(server, listener)
        for server in self._servers:
            server.start()
        self._listening.start()

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
        self._listening.release_inherited()
        drained = self.front.drain(grace)
        stopped = [server.stop(grace=0.2 if drained else 0) for server in self._servers]
        for event in stopped:
            event.wait(2)
        self._listening.close()
        return drained
