"""The gRPC server: mynet's two services, health and reflection, on one or more addresses."""

import os
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import grpc

# Imported so that reflection has these messages, and grpcurl can print the details of an error.
from google.rpc import error_details_pb2  # noqa: F401
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mynet.server.core import Core
from mynet.server.errors import CannotStart
from mynet.server.services.interceptor import CallInterceptor, Phase
from mynet.server.services.ipam_service import IPAMService
from mynet.server.services.network_service import NetworkService
from mynet.server.services.reflection import symbols
from mynet.v1 import ipam_pb2, ipam_pb2_grpc, network_pb2, network_pb2_grpc

# Calls at once. They are more than one plugin's callers (executor.CALLERS), so that calls of other
# plugins are served while one hangs.
THREADS = 128
LARGEST_REQUEST = 64 << 20  # bytes
_UNIX = "unix://"
_SOCKET_UMASK = 0o117  # the mode of the socket is 0660: its owner and its group may call

SERVICES = tuple(
    service.full_name
    for module in (network_pb2, ipam_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
)


class Server:
    """Listens, and answers STARTING until :meth:`serve` is called."""

    def __init__(self, core: Core, addresses: Sequence[str], seconds: float) -> None:
        """Listen on all addresses. Raises CannotStart.

        A call takes ``seconds`` at most, also if its client gave a later deadline.
        """
        self._interceptor = CallInterceptor(seconds)
        self._health = health.HealthServicer()
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, thread_name_prefix="call"),
            interceptors=[self._interceptor],
            options=[
                # Otherwise a second server could listen on the same TCP port.
                ("grpc.so_reuseport", 0),
                # Enough for an import of half a million addresses.
                ("grpc.max_receive_message_length", LARGEST_REQUEST),
            ],
        )
        # Their methods take a Call in place of grpc's context, so they are no Servicers to mypy.
        networks, ipam = cast("Any", NetworkService(core)), cast("Any", IPAMService(core))
        network_pb2_grpc.add_NetworkServiceServicer_to_server(networks, self._server)
        ipam_pb2_grpc.add_IPAMServiceServicer_to_server(ipam, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server, symbols())
        self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        for address in addresses:
            self._listen(address)
        self._server.start()

    def serve(self) -> None:
        """Accept calls from now on."""
        self._interceptor.enter(Phase.SERVING)
        self._set_health(health_pb2.HealthCheckResponse.SERVING)

    def stop(self, grace: float) -> bool:
        """Refuse new calls and wait for those in progress; return whether all ended in time."""
        self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        drained = self._interceptor.drain(grace)
        self._server.stop(grace=0.2 if drained else 0).wait(2)
        return drained

    def _set_health(self, status: int) -> None:
        """Set the health of the daemon and of each service."""
        for name in ("", *SERVICES):
            self._health.set(name, status)

    def _listen(self, address: str) -> None:
        try:
            if address.startswith(_UNIX):
                path = Path(address.removeprefix(_UNIX))
                _clear_socket(path)
                before = os.umask(_SOCKET_UMASK)  # of the process; no other thread makes files now
                try:
                    self._server.add_insecure_port(f"unix:{path}")
                finally:
                    os.umask(before)
            else:
                self._server.add_insecure_port(address)
        except (RuntimeError, OSError) as error:
            raise CannotStart(
                f"cannot listen on {address}: {error}; stop what listens there, or choose another"
                " address with --listen"
            ) from error


def _clear_socket(path: Path) -> None:
    """Delete a socket on which no server listens any more. Raises CannotStart if one does.

    By itself, grpc would replace the socket of a server that still listens on it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_socket():
        if path.exists():
            raise CannotStart(
                f"{path} exists and is not a socket; move it away, or choose another path with"
                " --listen"
            )
        _try_bind(path)
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(1)
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise CannotStart(
                f"another server listens on {path}; stop it, or choose another path with --listen"
            )


def _try_bind(path: Path) -> None:
    """Raise CannotStart if no socket can be created at a path. grpc would only log the reason."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(str(path))
        except OSError as error:
            raise CannotStart(
                f"cannot create the socket {path}: {error.strerror or error}; choose another path"
                " with --listen, or run mynetd as a user that may create it"
            ) from error
    path.unlink()
