"""Errors: one line on standard error with the reason, and an exit status."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon, Refusal


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("INVALID_ARGUMENT", "AMBIGUOUS"),
        ("NOT_FOUND", "NETWORK_NOT_FOUND"),
        ("ALREADY_EXISTS", "NETWORK_EXISTS"),
        ("ABORTED", "BUSY"),
        ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED"),
        ("PERMISSION_DENIED", "PRIVILEGE_MISSING"),
        ("DEADLINE_EXCEEDED", "PLUGIN_TIMEOUT"),
        ("INTERNAL", "KERNEL_ERROR"),
        ("UNAVAILABLE", "STARTING"),
        ("UNAVAILABLE", "SHUTTING_DOWN"),
        ("UNAVAILABLE", "STORE_UNAVAILABLE"),
    ],
)
def test_a_refusal_is_one_line_with_its_reason_and_status_1(
    ctl: Ctl, daemon: FakeDaemon, code: str, reason: str
) -> None:
    daemon.answer("ListNetworks", Refusal(code, reason, "what was asked;\n  what to do"))
    done = ctl("network", "ls")
    assert (done.status, done.out) == (1, "")
    assert done.err == f"mynetctl: {reason}: what was asked; what to do\n"


def test_the_line_has_every_violation_of_the_request(ctl: Ctl, daemon: FakeDaemon) -> None:
    faults = {"network.name": "is required", "network.mtu": "12 is not from 68 to 65535"}
    refusal = Refusal("INVALID_ARGUMENT", "INVALID_ARGUMENT", "two faults", faults)
    daemon.answer("CreateNetwork", refusal)
    done = ctl("network", "create", "", "--mtu", "12")
    assert done.status == 1
    assert done.err == (
        "mynetctl: INVALID_ARGUMENT: network.name: is required;"
        " network.mtu: 12 is not from 68 to 65535\n"
    )


def test_an_error_without_a_reason_shows_its_code(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListNetworks", Refusal("RESOURCE_EXHAUSTED", "", "too much"))
    assert ctl("network", "ls").err == "mynetctl: RESOURCE_EXHAUSTED: too much\n"


def test_a_daemon_without_the_method_is_status_1(
    ctl: Ctl, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "service", lambda _: None)
    done = ctl("network", "ls")
    assert (done.status, done.err) == (1, "mynetctl: UNIMPLEMENTED: Method not found!\n")


def test_no_socket_is_status_3_and_says_what_to_do(ctl: Ctl, tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/socket"
    done = ctl("network", "ls", address=address)
    assert (done.status, done.out) == (3, "")
    assert done.err == (
        f"mynetctl: UNREACHABLE: no mynetd answers at {address} (No such file or directory);"
        " start it (mynetd), or give its address with --address\n"
    )


def test_a_stale_socket_is_status_3(ctl: Ctl, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "socket"))
    done = ctl("network", "ls", address=f"unix://{tmp_path}/socket")
    assert done.status == 3
    assert "(Connection refused); start it" in done.err


def test_a_closed_tcp_port_is_status_3(ctl: Ctl) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = ctl("network", "ls", address=f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.status == 3
    assert "(Connection refused); start it" in done.err


@pytest.fixture
def silent_daemon(tmp_path: Path) -> Iterator[str]:
    """Return a socket that accepts connections and never answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "deaf"))
        listener.listen()
        yield f"unix://{tmp_path}/deaf"


def test_a_daemon_that_does_not_answer_in_time_is_status_3(ctl: Ctl, silent_daemon: str) -> None:
    done = ctl("--timeout", "0.2", "network", "ls", address=silent_daemon)
    assert (done.status, done.err.count("\n")) == (3, 1)
    assert done.err.startswith(
        f"mynetctl: TIMEOUT: mynetd at {silent_daemon} did not answer within 0.2 s;"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("network create", "Missing argument 'NAME'. See: mynetctl network create --help"),
        ("network lss", "No such command 'lss'. Did you mean 'ls'? See: mynetctl network --help"),
        ("network ls extra", "Got unexpected extra argument (extra). See: mynetctl network ls"),
        ("--output xml network ls", "'xml' is not one of 'table', 'json'. See: mynetctl --help"),
        ("network ls --filter team=red", "'team=red': write label=KEY=VALUE. See: "),
        ("network ls --filter label=team", "'label=team': write label=KEY=VALUE. See: "),
        ("network create --label =red blue", "'=red' has no key; write KEY=VALUE. See: "),
        ("network create --label a=1 --label a=2 blue", "key 'a' is given twice. See: "),
        ("network create --mtu -5 blue", "Invalid value for '--mtu': -5 is not in the range x>=1"),
        ("network create --mtu 4294967296 blue", "Failed to parse mtu field"),
        ("connect --pid 0 blue one", "Invalid value for '--pid': 0 is not in the range x>=1"),
        ("completion", "Choose from: bash, zsh, fish. See: mynetctl completion --help"),
        ("run blue", "Missing argument '-- COMMAND...'. See: mynetctl run --help"),
    ],
)
def test_wrong_usage_is_one_line_with_a_hint_and_status_2(
    ctl: Ctl, daemon: FakeDaemon, arguments: str, told: str
) -> None:
    done = ctl(*arguments.split())
    assert (done.status, done.out, daemon.asked) == (2, "", [])
    assert done.err.startswith("mynetctl: USAGE: ")
    assert done.err.count("\n") == 1
    assert told in done.err


@pytest.mark.parametrize(
    "address",
    [
        *("socket", "/run/mynet/mynetd.sock", "unix:relative", "unix://host/path", "host:"),
        *("tcp://host:50051", "http://127.0.0.1:50051"),
    ],
)
def test_an_invalid_address_is_wrong_usage(ctl: Ctl, address: str) -> None:
    done = ctl("network", "ls", address=address)
    assert done.status == 2
    assert f"{address!r} is neither unix:///PATH nor HOST:PORT" in done.err


@pytest.mark.parametrize(("length", "status"), [(107, 3), (108, 2)])
def test_a_socket_s_path_has_the_kernel_s_limit(ctl: Ctl, length: int, status: int) -> None:
    assert ctl("network", "ls", address=f"unix:///{'n' * (length - 1)}").status == status


def test_arguments_that_are_not_utf8_are_wrong_usage(ctl: Ctl, daemon: FakeDaemon) -> None:
    done = ctl("network", "inspect", "\udcff")  # what Python makes of the byte 0xff
    assert (done.status, done.err.count("\n"), daemon.asked) == (2, 1, [])


@pytest.mark.parametrize("arguments", ["", "network", "ipam subnet"])
def test_without_a_command_it_shows_the_help(ctl: Ctl, arguments: str) -> None:
    done = ctl(*arguments.split())
    assert (done.status, done.out) == (2, "")
    assert "Commands:" in done.err
