"""A server behind the accepting proxy: callers by user, and refused where the user is unknown."""

import os
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from mynet.server.errors import CannotStart
from mynet.server.model.callers import Caller, Credentials, Listener, Role
from mynet.server.proxy.peers import Peers
from mynet.server.services.front.calls import Phase
from mynet.server.services.server import Server
from mynet.v1 import network_pb2_grpc
from tests.server.support.refusals import refusal
from tests.server.support.requests import create
from tests.server.support.world import World


@pytest.fixture
def listener(folder: Path) -> Listener:
    return Listener(f"unix://{folder}/operator", Role.OPERATOR, credentials=True)


@pytest.fixture
def server(still_world: World, folder: Path, listener: Listener) -> Iterator[Server]:
    server = Server(still_world.core, [listener], 5, private=folder / "listen")
    server.serve()
    yield server
    server.stop(0)
    assert not (folder / "listen").exists()


@pytest.fixture
def net(server: Server, listener: Listener) -> Iterator[network_pb2_grpc.NetworkServiceStub]:
    assert server.front.phase is Phase.SERVING
    with grpc.insecure_channel(listener.address) as channel:
        yield network_pb2_grpc.NetworkServiceStub(channel)


def test_a_caller_has_its_credentials_and_its_listeners_role(
    server: Server,
    net: network_pb2_grpc.NetworkServiceStub,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    callers: list[Caller] = []
    monkeypatch.setattr(server.front.rates, "take", callers.append)
    assert refusal(net.CreateNetwork, create("web")).reason == "ROLE_MISSING"
    user = Credentials(os.getuid(), os.getgid(), os.getpid())
    peer = f"unix:uid={os.getuid()}"
    assert callers == [Caller(Role.OPERATOR, listener.address, peer, credentials=user)]
    assert callers[0].key == f"{listener.address} {peer}"


def test_a_call_of_an_unknown_user_is_refused(
    still_world: World, server: Server, net: network_pb2_grpc.NetworkServiceStub
) -> None:
    before = still_world.state()
    server.front.peers = Peers()  # as where the connection is closed already
    assert refusal(net.CreateNetwork, create("web")).short == ("CANCELLED", "CALLER_GONE")
    assert still_world.state() == before


def test_a_proxied_listener_needs_a_folder(still_world: World, listener: Listener) -> None:
    with pytest.raises(CannotStart, match="no folder is named"):
        Server(still_world.core, [listener], 5)


@pytest.mark.usefixtures("server")
def test_another_server_on_the_socket_is_not_replaced(
    still_world: World, listener: Listener, folder: Path
) -> None:
    with pytest.raises(CannotStart, match="another server listens on"):
        Server(still_world.core, [listener], 5, private=folder / "second")
