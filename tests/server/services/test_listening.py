"""Where the daemon listens: sockets and their modes, and whom it does not push aside."""

import errno
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mynet.server.errors import CannotStart
from mynet.server.model.callers import Listener, Role, parse_listener
from mynet.server.services.server import Server
from tests.server.support.world import World


@pytest.fixture
def listen(still_world: World) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def listen(*addresses: object) -> Server:
        made.append(Server(still_world.core, [Listener(str(address)) for address in addresses], 5))
        return made[-1]

    yield listen
    for server in made:
        server.stop(0)


def answers(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return bool(stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status)


def test_a_socket_is_for_its_owner_and_group(folder: Path, listen: Callable[..., Server]) -> None:
    before = os.umask(0o022)
    try:
        listen(f"unix://{folder}/d.sock")
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "d.sock").stat().st_mode) == 0o660
    assert answers(f"unix://{folder}/d.sock")


def test_the_folder_of_a_socket_is_created(folder: Path, listen: Callable[..., Server]) -> None:
    listen(f"unix://{folder}/a/b/d.sock")
    assert answers(f"unix://{folder}/a/b/d.sock")


def test_several_addresses_are_served(folder: Path, listen: Callable[..., Server]) -> None:
    addresses = [f"unix://{folder}/{number}.sock" for number in range(2)]
    listen(*addresses)
    assert all(answers(address) for address in addresses)


def test_a_socket_without_a_listener_is_replaced(
    folder: Path, listen: Callable[..., Server]
) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(folder / "d.sock"))
    listen(f"unix://{folder}/d.sock")
    assert answers(f"unix://{folder}/d.sock")


def test_a_socket_with_a_listener_is_kept(folder: Path, listen: Callable[..., Server]) -> None:
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(folder / "d.sock"))
        theirs.listen()
        inode = (folder / "d.sock").stat().st_ino
        with pytest.raises(CannotStart, match="another server listens on"):
            listen(f"unix://{folder}/d.sock")
        assert (folder / "d.sock").stat().st_ino == inode


def test_a_file_that_is_not_a_socket_is_kept(folder: Path, listen: Callable[..., Server]) -> None:
    (folder / "d.sock").write_text("precious")
    with pytest.raises(CannotStart, match="is not a socket"):
        listen(f"unix://{folder}/d.sock")
    assert (folder / "d.sock").read_text() == "precious"


def test_a_tcp_port_that_is_taken_is_not_shared(listen: Callable[..., Server]) -> None:
    address = f"127.0.0.1:{free_port()}"
    listen(address)
    with pytest.raises(CannotStart, match=address):
        listen(address)


def test_an_address_of_ipv4_is_not_served_on_ipv6(listen: Callable[..., Server]) -> None:
    port = free_port()
    listen(f"0.0.0.0:{port}")
    assert answers(f"127.0.0.1:{port}")
    with socket.socket(socket.AF_INET6) as caller:
        assert caller.connect_ex(("::1", port)) == errno.ECONNREFUSED


def test_an_address_of_ipv6_is_served(listen: Callable[..., Server]) -> None:
    port = free_port()
    listen(f"[::1]:{port}")
    assert answers(f"[::1]:{port}")


@pytest.mark.parametrize("umask", [0, 0o777])
def test_modes_do_not_depend_on_the_umask(
    folder: Path, listen: Callable[..., Server], umask: int
) -> None:
    before = os.umask(umask)
    try:
        listen(f"unix://{folder}/a/b/d.sock")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((folder / name).stat().st_mode) for name in ("a", "a/b", "a/b/d.sock")]
    assert modes == [0o755, 0o755, 0o660]


def test_a_socket_gets_the_group_and_the_mode_of_its_listener(
    still_world: World, folder: Path
) -> None:
    listeners = [
        parse_listener(f"unix://{folder}/{name}.sock,{options}", Role.READER)
        for name, options in (("a", f"group={os.getgid()},mode=0600"), ("b", "mode=0666"))
    ]
    server = Server(still_world.core, listeners, 5)
    found = [(folder / f"{name}.sock").stat() for name in "ab"]
    server.stop(0)
    assert [(stat.S_IMODE(each.st_mode), each.st_gid) for each in found] == [
        (0o600, os.getgid()),
        (0o666, os.getgid()),
    ]


def test_a_path_too_long_for_a_socket_is_refused(
    folder: Path, listen: Callable[..., Server]
) -> None:
    with pytest.raises(CannotStart, match="AF_UNIX path too long; choose another"):
        listen(f"unix://{folder}/{'x' * 120}")


def test_a_folder_without_write_permission_is_refused_with_the_reason(
    listen: Callable[..., Server],
) -> None:
    with pytest.raises(CannotStart, match=r"/proc/self/d\.sock: .*; choose another path"):
        listen("unix:///proc/self/d.sock")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
