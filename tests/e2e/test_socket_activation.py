"""Sockets of a service manager: the daemon serves them, and leaves them when it ends."""

import contextlib
import json
import os
import stat
from pathlib import Path

import grpc
import pytest

from mynet.v1 import network_pb2, network_pb2_grpc
from tests.e2e.support.daemon import (
    SOCKET,
    Daemon,
    create,
    eventually,
    refusal,
)
from tests.e2e.support.namespace import PATIENCE
from tests.e2e.support.testbed import Testbed

PROGRAMS = Path(__file__).parent / "programs"
ADMIN, READER, AUDIT = f"/{SOCKET}", "/run/mynet/reader.sock", "/var/lib/audit.log"


class Holder:
    """A process that holds sockets, as systemd does for a socket unit."""

    def __init__(self, testbed: Testbed, *paths: str) -> None:
        output = testbed.folder / "holder"
        script = str(PROGRAMS / "socket_holder.py")
        process = testbed.start(script, *paths, output=output)
        eventually(lambda: output.read_text().endswith("\n"))
        self.descriptors = output.read_text().split()
        self.pid = process.pid

    def program(self, *names: str) -> tuple[str, ...]:
        """Return the program of a daemon that gets the sockets, with these names."""
        passed = zip(self.descriptors, names, strict=True)
        sockets = ",".join(f"{number}:{name}" for number, name in passed)
        return (str(PROGRAMS / "activated_daemon.py"), str(self.pid), sockets)


def turned_away(testbed: Testbed, *command: str) -> tuple[int, str]:
    """Run a daemon that must end by itself; return its exit status and standard error."""
    done = testbed.attempt(*command)
    return done.returncode, done.stderr


def test_each_socket_gives_the_role_of_its_name(empty_testbed: Testbed) -> None:
    holder = Holder(empty_testbed, ADMIN, READER)
    daemon = Daemon(empty_testbed, "--audit-log", AUDIT, program=holder.program("admin", "reader"))
    daemon.create("blue")
    with grpc.insecure_channel(f"unix:{empty_testbed.root}{READER}") as channel:
        reader = network_pb2_grpc.NetworkServiceStub(channel)
        assert len(reader.ListNetworks(network_pb2.ListNetworksRequest()).networks) == 1
        assert refusal(reader.CreateNetwork, create("green")).reason == "ROLE_MISSING"
    audit = (empty_testbed.root / AUDIT[1:]).read_text().splitlines()
    lines = [json.loads(text) for text in audit]
    assert [(line["role"], line["listener"], line["uid"]) for line in lines] == [
        ("admin", f"unix://{ADMIN}", os.getuid()),
        ("reader", f"unix://{READER}", os.getuid()),
    ]
    daemon.stop()


def test_the_socket_outlives_the_daemon_and_a_client_waits_for_the_next(
    empty_testbed: Testbed,
) -> None:
    holder = Holder(empty_testbed, ADMIN)
    path = empty_testbed.root / SOCKET
    before = path.stat()
    daemon = Daemon(empty_testbed, program=holder.program("admin"))
    daemon.create("blue")
    daemon.stop()
    after = path.stat()
    assert (after.st_ino, stat.S_IMODE(after.st_mode)) == (before.st_ino, 0o600)

    with grpc.insecure_channel(f"unix:{path}") as channel:
        call = network_pb2_grpc.NetworkServiceStub(channel).ListNetworks.future(
            network_pb2.ListNetworksRequest(), timeout=PATIENCE, wait_for_ready=True
        )
        again = Daemon(empty_testbed, program=holder.program("admin"))
        with contextlib.suppress(grpc.RpcError):  # STARTING, where the call came early
            assert [network.name for network in call.result().networks] == ["blue"]
    assert [network.name for network in again.networks()] == ["blue"]
    again.stop()


def test_addresses_of_options_are_served_beside_the_sockets(empty_testbed: Testbed) -> None:
    holder = Holder(empty_testbed, READER)
    daemon = Daemon(empty_testbed, "--listen", f"unix://{ADMIN}", program=holder.program("reader"))
    daemon.create("blue")
    daemon.stop()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("mynetd.socket", "which is no role; set FileDescriptorName="), ("none", "which is no role")],
)
def test_a_socket_without_a_role_is_refused(empty_testbed: Testbed, name: str, reason: str) -> None:
    holder = Holder(empty_testbed, ADMIN)
    status, text = turned_away(empty_testbed, *holder.program(name))
    assert status == 1
    assert reason in text


def test_one_path_is_not_served_twice(empty_testbed: Testbed) -> None:
    holder = Holder(empty_testbed, ADMIN)
    arguments = (*holder.program("admin"), "--listen", f"unix://{ADMIN}")
    status, text = turned_away(empty_testbed, *arguments)
    assert status == 2
    assert "is named twice" in text


def test_variables_for_another_process_are_no_sockets(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed, LISTEN_PID="1", LISTEN_FDS="2", LISTEN_FDNAMES="a:b")
    daemon.stop()
