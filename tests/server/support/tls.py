"""A server with a TLS listener, and channels of callers with certificates."""

import socket
from pathlib import Path

import grpc

from mynet.server.model.callers import Listener, Role
from mynet.server.model.roles import Grant, Roles
from mynet.server.services.server import Server
from mynet.server.tls import TlsFiles
from mynet.v1 import network_pb2_grpc
from tests.server.support.world import World
from tests.support.certificates import SERVER_NAMES, Authority, Pair, write


class TlsServer:
    """A server with a TLS listener, and channels of callers with certificates."""

    def __init__(self, world: World, folder: Path, role: Role = Role.ADMIN) -> None:
        self.authority, self.folder = Authority(), folder
        self.files = TlsFiles(
            *write(folder, self.authority, self.authority.issue("", *SERVER_NAMES))
        )
        self.port = _free_port()
        listener = Listener(f"127.0.0.1:{self.port}", role, tls=True)
        self.server = Server(world.core, [listener], 5, tls=self.files)
        self.server.serve()
        self._channels: list[grpc.Channel] = []

    def give(self, **roles: Role) -> None:
        """Give roles to principals of example.org, and to no others."""
        grants = {f"{name}.example.org": Grant(role) for name, role in roles.items()}
        self.server.front.roles = Roles(grants)

    def channel(self, pair: Pair | None, root: Authority | None = None) -> grpc.Channel:
        """Return a connection of a caller of its own."""
        key, certificate = (pair.key, pair.certificate) if pair else (None, None)
        root = root or self.authority
        credentials = grpc.ssl_channel_credentials(root.pem, key, certificate)
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
        channel = grpc.secure_channel(f"localhost:{self.port}", credentials, options)
        self._channels.append(channel)
        return channel

    def stub(self, *names: str) -> network_pb2_grpc.NetworkServiceStub:
        """Return a stub for a caller with a certificate for these alternative names."""
        return network_pb2_grpc.NetworkServiceStub(self.channel(self.authority.issue("", *names)))

    def close(self) -> None:
        for channel in self._channels:
            channel.close()
        self.server.stop(0)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
