"""Sockets that a service manager passes, and what it may do wrong."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mynet.server.errors import CannotStart
from mynet.server.model.callers import Listener, Role
from mynet.server.proxy import activation
from mynet.server.proxy.activation import inherited_listeners


@pytest.fixture
def passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket that listens on a path. The first passed descriptor is its."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        monkeypatch.setattr(activation, "_FIRST", listening.fileno())
        os.set_inheritable(listening.fileno(), True)  # noqa: FBT003 - it takes no keyword
        yield listening


def told(names: str = "admin", count: str = "1", pid: str = "") -> dict[str, str]:
    """Return the variables by which a service manager tells this process of sockets."""
    return {"LISTEN_PID": pid or str(os.getpid()), "LISTEN_FDS": count, "LISTEN_FDNAMES": names}


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.READER])
def test_the_name_of_a_socket_is_the_role_of_its_callers(passed: socket.socket, role: Role) -> None:
    environ = {**told(role.name.lower()), "PATH": "/usr/bin"}
    address = f"unix://{passed.getsockname()}"
    assert inherited_listeners(environ) == (Listener(address, role, inherited=passed.fileno()),)
    assert environ == {"PATH": "/usr/bin"}
    assert not os.get_inheritable(passed.fileno())
    assert passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)  # it stays open


@pytest.mark.parametrize(
    "environ", [{}, told(pid="1"), told(count=""), told(count="-1"), told(count="0")]
)
def test_sockets_of_other_programs_are_left_alone(
    passed: socket.socket, environ: dict[str, str]
) -> None:
    assert inherited_listeners(environ) == ()
    assert os.get_inheritable(passed.fileno())


@pytest.mark.parametrize("names", ["", "root", "Admin", "none"])
def test_a_name_that_is_no_role_is_refused(passed: socket.socket, names: str) -> None:
    with pytest.raises(CannotStart, match=r"FileDescriptorName= .* admin") as refusal:
        inherited_listeners(told(names))
    assert repr(names) in str(refusal.value)
    assert passed.fileno() >= 0


@pytest.mark.parametrize(
    ("family", "kind", "address"),
    [
        (socket.AF_UNIX, socket.SOCK_STREAM, ""),
        (socket.AF_UNIX, socket.SOCK_DGRAM, ""),
        (socket.AF_INET, socket.SOCK_STREAM, ""),
        (socket.AF_UNIX, socket.SOCK_STREAM, "\0mynet-test-activation"),
    ],
    ids=["not listening", "datagrams", "TCP", "abstract"],
)
def test_a_socket_that_callers_of_a_path_do_not_reach_is_refused(
    monkeypatch: pytest.MonkeyPatch, family: int, kind: int, address: str
) -> None:
    with socket.socket(family, kind) as other:
        if address:
            other.bind(address)
            other.listen()
        monkeypatch.setattr(activation, "_FIRST", other.fileno())
        with pytest.raises(CannotStart, match="does not listen on a path"):
            inherited_listeners(told())
        assert other.fileno() >= 0


def test_a_descriptor_that_is_no_socket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "file").open("w") as file:
        monkeypatch.setattr(activation, "_FIRST", file.fileno())
        with pytest.raises(CannotStart, match="is no socket: "):
            inherited_listeners(told())
        file.write("still open")
