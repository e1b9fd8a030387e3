"""Where gRPC's servers listen: at the addresses of the listeners, or behind the accepting proxy."""

import contextlib
import resource
import socket
from collections.abc import Sequence
from pathlib import Path

import grpc
import structlog

from mynet.server.errors import CannotStart
from mynet.server.model.callers import Listener
from mynet.server.model.limits import Limits
from mynet.server.proxy.inner import InnerFolder
from mynet.server.proxy.peers import Peers
from mynet.server.proxy.proxy import Outer, Proxy
from mynet.server.services.listening import sockets
from mynet.server.services.listening.certificates import Certificates
from mynet.server.tls import TlsFiles

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_ANY_IPV4 = "0.0.0.0"  # noqa: S104 - compared with what the operator named
# gRPC refuses a message of more bytes by itself, in words of its own. So this limit is larger than
# that of the front, which names the limit.
_OVER = 2
_FEWEST_CONNECTIONS = 16
_BACKLOG = 4096  # connections that wait until they are accepted; the kernel lowers it


class Listening:
    """Makes servers listen, one at each listener."""

    def __init__(
        self, peers: Peers, limits: Limits, tls: TlsFiles | None, private: Path | None
    ) -> None:
        """Note the users of proxied connections in ``peers``."""
        self._peers = peers
        self._limits = limits
        self._tls = tls
        self._private = private
        self._folder: InnerFolder | None = None
        self._proxies: list[Proxy] = []
        self._own_sockets: list[Path] = []

    def listen(self, server: grpc.Server, listener: Listener) -> None:
        """Make a server listen at a listener. Raises CannotStart."""
        try:
            if listener.path is None:
                self._listen_on_tcp(server, listener)
            elif listener.is_proxied:
                self._listen_behind_proxy(server, listener, listener.path)
            else:
                with sockets.prepared(listener.path, listener.group, listener.mode):
                    server.add_insecure_port(f"unix:{listener.path}")
        except (RuntimeError, OSError, ValueError) as error:
            raise CannotStart(
                f"cannot listen on {listener.address}: {error}; stop what listens there, or choose"
                " another address with --listen"
            ) from error

    def start(self) -> None:
        """Begin to accept connections, after the servers have started."""
        for proxy in self._proxies:
            proxy.start()

    def release_inherited(self) -> None:
        """Leave new connections of inherited sockets to the next daemon."""
        for proxy in self._proxies:
            proxy.release_inherited()

    def close(self) -> None:
        """Close what the servers do not close by themselves."""
        for proxy in self._proxies:
            proxy.close()
        for path in self._own_sockets:
            path.unlink(missing_ok=True)
        if self._folder:
            self._folder.close()

    def options(self, listener: Listener) -> Sequence[tuple[str, int]]:
        """Return gRPC's options for the limits. Source: grpc/impl/channel_arg_names.h."""
        limits = self._limits
        connections = most_connections(limits)
        if listener.is_proxied:  # the proxy makes room before gRPC closes new connections
            connections *= 2
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

    def _listen_on_tcp(self, server: grpc.Server, listener: Listener) -> None:
        """Listen with TLS, or without encryption. Raises RuntimeError, ValueError for the files."""
        host, _, port = listener.address.rpartition(":")
        with sockets.ipv4_alone(int(port)) if host == _ANY_IPV4 else contextlib.nullcontext():
            if listener.tls and self._tls:
                server.add_secure_port(listener.address, Certificates(self._tls).credentials)
                return
            log.warning(
                "serves TCP without encryption and authentication: every program that reaches the"
                " address can call this daemon",
                address=listener.address,
                role=listener.role.name.lower(),
            )
            server.add_insecure_port(listener.address)

    def _listen_behind_proxy(self, server: grpc.Server, listener: Listener, path: Path) -> None:
        """Listen on a socket of gRPC's, and give the proxy the socket that clients connect to."""
        if self._private is None:
            raise ValueError("no folder is named for the sockets behind the proxy")
        self._folder = self._folder or InnerFolder(self._private)
        inner = self._folder.path(str(len(self._proxies)))
        is_inherited = listener.inherited >= 0
        outer = listener.inherited if is_inherited else self._own_socket(listener, path)
        server.add_insecure_port(f"unix:{inner}")
        proxy = Proxy(self._peers, most_connections(self._limits, descriptors=3))
        proxy.add(Outer(socket.socket(fileno=outer), inner, is_inherited=is_inherited))
        self._proxies.append(proxy)

    def _own_socket(self, listener: Listener, path: Path) -> int:
        """Return the descriptor of a new socket that listens. Raises CannotStart and OSError."""
        with (
            sockets.prepared(path, listener.group, listener.mode),
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as outer,
        ):
            outer.bind(str(path))
            outer.listen(_BACKLOG)
            self._own_sockets.append(path)
            return outer.detach()


def most_connections(limits: Limits, descriptors: int = 1) -> int:
    """Return how many connections a listener may have. Each costs some file descriptors.

    The daemon needs other descriptors, for published ports above all.
    """
    available, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    fits = available // 4 // descriptors
    return max(_FEWEST_CONNECTIONS, min(limits.max_connections, fits))
