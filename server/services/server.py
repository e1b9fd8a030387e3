"""The gRPC server: the two services, health, reflection, and the addresses it listens on."""

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

# Imported so that reflection knows these messages and grpcurl can print an error's details.
from google.rpc import error_details_pb2  # noqa: F401
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mynet.server.core import Core
from mynet.server.errors import CannotStart
from mynet.server.services.interceptor import Gate, Phase
from mynet.server.services.ipam_service import IPAMService
from mynet.server.services.network_service import NetworkService
from mynet.server.services.reflection import symbols
from mynet.v1 import ipam_pb2, ipam_pb2_grpc, network_pb2, network_pb2_grpc

THREADS = 128  # calls at once; more than one plugin's callers (pool.CALLERS), so some stay free
LARGEST_REQUEST = 64 << 20  # bytes
_UNIX = "unix://"
_SOCKET_UMASK = 0o117  # the socket comes out as 0660: its group may call, nobody else

SERVICES = tuple(
    service.full_name
    for module in (network_pb2, ipam_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
)


class Server:
    """Listens, and answers STARTING until :meth:`serve` is called.

    ``seconds`` is the longest that a call may take, whatever deadline its client gave.
    """

    def __init__(self, core: Core, addresses: Sequence[str], seconds: float) -> None:
        self._gate = Gate(seconds)
        self._health = health.HealthServicer()
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, thread_name_prefix="call"),
            interceptors=[self._gate],
            options=[
                # Without this, a second server shares a TCP port in silence.
                ("grpc.so_reuseport", 0),
                # An import of half a million addresses.
                ("grpc.max_receive_message_length", LARGEST_REQUEST),
            ],
        )
        network_pb2_grpc.add_NetworkServiceServicer_to_server(NetworkService(core), self._server)
        ipam_pb2_grpc.add_IPAMServiceServicer_to_server(IPAMService(core), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server, symbols())
        self._say(health_pb2.HealthCheckResponse.NOT_SERVING)
        for address in addresses:
            self._listen(address)
        self._server.start()

    def serve(self) -> None:
        """Let calls in."""
        self._gate.enter(Phase.SERVING)
        self._say(health_pb2.HealthCheckResponse.SERVING)

    def stop(self, grace: float) -> bool:
        """Let no more calls in, and wait for those inside; say whether all of them ended."""
        self._say(health_pb2.HealthCheckResponse.NOT_SERVING)
        drained = self._gate.drain(grace)
        self._server.stop(grace=0.2 if drained else 0).wait(2)
        return drained

    def _say(self, status: int) -> None:
        """Tell the health service's callers, for the daemon and for each service."""
        for name in ("", *SERVICES):
            self._health.set(name, status)

    def _listen(self, address: str) -> None:
        try:
            if address.startswith(_UNIX):
                path = Path(address.removeprefix(_UNIX))
                _make_way(path)
                with _umask(_SOCKET_UMASK):
                    self._server.add_insecure_port(f"unix:{path}")
            else:
                self._server.add_insecure_port(address)
        except (RuntimeError, OSError) as error:
            raise CannotStart(
                f"cannot listen on {address}: {error}; stop what listens there, or choose another"
                " address with --listen"
            ) from error


def _make_way(path: Path) -> None:
    """Take away a socket that nobody listens on any more. Raises CannotStart where somebody does.

    grpc by itself takes a socket from under whoever listens on it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_socket():
        if path.exists():
            raise CannotStart(f"{path} is there and is no socket; move it away or choose another")
        _try(path)
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


def _try(path: Path) -> None:
    """See that a socket can be made there: why not, grpc tells nobody but its own log."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(str(path))
        except OSError as error:
            raise CannotStart(
                f"cannot make the socket {path}: {error.strerror or error}; choose another path"
                " with --listen, or run mynetd as one who may"
            ) from error
    path.unlink()


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    """Set the umask, which is the whole process's: only while the daemon has one thread at work."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
