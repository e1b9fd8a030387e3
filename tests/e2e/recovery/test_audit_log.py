"""The audit log of a daemon: what survives kill -9, rotation and a full disk."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mynet.v1.ipam_pb2 import AllocateAddressRequest, CreateSubnetRequest, Subnet
from tests.e2e.support.daemon import EXECUTED, Daemon, eventually, turned_away
from tests.e2e.support.namespace import PATIENCE
from tests.e2e.support.testbed import Testbed

CALLERS, CALLS = 4, 50
AUDIT = "/var/lib/audit.log"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def allocate(daemon: Daemon, owner: str) -> None:
    daemon.ipam.AllocateAddress(
        AllocateAddressRequest(subnet="10.9.0.0/16", owner=owner), timeout=PATIENCE
    )


@pytest.fixture
def audited(empty_testbed: Testbed) -> Iterator[Daemon]:
    """A daemon with an audit log and the subnet 10.9.0.0/16."""
    daemon = Daemon(empty_testbed, "--audit-log", AUDIT, "--log-level", "error")
    daemon.ipam.CreateSubnet(CreateSubnetRequest(subnet=Subnet(cidr="10.9.0.0/16")))
    yield daemon
    daemon.stop()


@pytest.fixture
def path(empty_testbed: Testbed) -> Path:
    return empty_testbed.root / AUDIT[1:]


def test_rotation_under_load_loses_no_line_and_delays_no_call(audited: Daemon, path: Path) -> None:
    def call(caller: int) -> None:
        for number in range(CALLS):
            allocate(audited, f"{caller}.{number}")

    with ThreadPoolExecutor(CALLERS) as threads:
        callers = [threads.submit(call, caller) for caller in range(CALLERS)]
        rotated = 0
        while not all(caller.done() for caller in callers):
            if path.exists():
                path.rename(f"{path}.{rotated}")
                rotated += 1
                audited.signal(signal.SIGHUP)
                eventually(path.exists)
        for caller in callers:
            caller.result()
    assert rotated > 2
    assert audited.health() == "SERVING"
    files = [path, *(Path(f"{path}.{number}") for number in range(rotated))]
    owners = [line["request"].get("owner") for file in files for line in lines(file)]
    given = [f"{caller}.{number}" for caller in range(CALLERS) for number in range(CALLS)]
    assert sorted(owner for owner in owners if owner) == sorted(given)


def test_what_was_answered_is_in_the_file_after_kill_9(empty_testbed: Testbed, path: Path) -> None:
    daemon = Daemon(empty_testbed, "--audit-log", AUDIT)
    daemon.ipam.CreateSubnet(CreateSubnetRequest(subnet=Subnet(cidr="10.9.0.0/16")))
    calls = {
        str(number): daemon.ipam.AllocateAddress.future(
            AllocateAddressRequest(subnet="10.9.0.0/16", owner=str(number)), timeout=PATIENCE
        )
        for number in range(400)
    }
    calls["20"].result()
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    answered = {owner for owner, call in calls.items() if not call.exception()}
    assert 0 < len(answered) < len(calls)
    assert answered <= {line["request"].get("owner") for line in lines(path)}


def test_a_daemon_without_its_audit_log_does_not_start(empty_testbed: Testbed) -> None:
    status, text = turned_away(empty_testbed, "--audit-log", "/var/lib/none/audit.log")
    assert status == 1
    reason = "cannot open the audit log /var/lib/none/audit.log: No such file or directory;"
    assert text.startswith(f"Error: {reason}")


def test_standard_output_takes_the_lines_and_nothing_else(
    empty_testbed: Testbed, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command = ("sh", "-c", f'exec "$0" "$@" >{output}', *EXECUTED)
    daemon = Daemon(empty_testbed, "--audit-log", "-", program=command)
    daemon.create("blue")
    daemon.stop()
    assert [line["method"] for line in lines(output)] == ["NetworkService/CreateNetwork"]


def test_a_full_disk_fails_no_call_and_the_lines_come_when_there_is_room(
    empty_testbed: Testbed,
) -> None:
    testbed = empty_testbed
    folder = testbed.root / "run" / "small"
    testbed.run("mkdir", "/run/small")
    testbed.run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/run/small")
    daemon = Daemon(testbed, "--audit-log", "/run/small/audit.log", "--log-format", "json")
    testbed.attempt("sh", "-c", "cat /dev/zero >/run/small/ballast")
    daemon.ipam.CreateSubnet(CreateSubnetRequest(subnet=Subnet(cidr="10.9.0.0/16")))
    for number in range(20):  # more than the page that the file has already
        allocate(daemon, str(number))
    assert len((folder / "audit.log").read_text().splitlines()) < 20
    done = testbed.attempt("mynetctl", "doctor")
    assert "the audit log" in done.stdout
    assert "No space left on device" in done.stdout
    assert "the audit log is incomplete" in [event["event"] for event in daemon.events()]
    (folder / "ballast").unlink()
    eventually(lambda: len((folder / "audit.log").read_text().splitlines()) >= 22)
    owners = [line["request"].get("owner") for line in lines(folder / "audit.log")]
    assert [owner for owner in owners if owner] == [str(number) for number in range(20)]
    assert testbed.attempt("mynetctl", "doctor").returncode == 0
    daemon.stop()
