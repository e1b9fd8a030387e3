"""``mynetctl run``: the command, its sandbox, its exit status and the cleanup."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import PATH, program
from tests.cli.support.attached import Attached
from tests.cli.support.fake import FakeDaemon, Refusal


def run(daemon: FakeDaemon, *arguments: str) -> tuple[int, str, str]:
    """Run ``mynetctl run``, and return its exit status and its output."""
    done = program(daemon, "run", *arguments, env={"PATH": PATH})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -PIPE $$", 141)],
)
def test_the_exit_status_is_the_command_s_and_the_sandbox_is_disconnected(
    daemon: FakeDaemon, attached: Attached, script: str, status: int
) -> None:
    assert run(daemon, "blue", "--", "sh", "-c", script) == (status, "", "")
    assert attached.verbs() == ["Connect", "ListEndpoints", "Disconnect"]
    assert attached.present == {}


@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        ("no-such-command", 127, "mynetctl: no-such-command: command not found\n"),
        ("/etc/passwd", 126, "mynetctl: /etc/passwd: Permission denied\n"),
    ],
)
def test_a_command_that_cannot_be_run_has_the_exit_status_of_a_shell(
    daemon: FakeDaemon, attached: Attached, command: str, status: int, told: str
) -> None:
    assert run(daemon, "blue", "--", command) == (status, "", told)
    assert attached.present == {}


def test_the_command_gets_its_arguments_as_they_are(daemon: FakeDaemon, attached: Attached) -> None:
    words = ("--netns", "-h", "a b", "", "*", "--")
    status, out, _ = run(daemon, "blue", "--", "printf", "<%s>", *words)
    assert (status, out) == (0, "<--netns><-h><a b><><*><-->")
    assert attached.present == {}


def test_the_command_runs_in_the_fresh_namespace_that_was_connected(
    daemon: FakeDaemon, attached: Attached
) -> None:
    _, out, _ = run(daemon, "blue", "--", "readlink", "/proc/self/ns/net")
    assert attached.namespaces == [out.strip()]
    assert out.strip() != str(Path("/proc/self/ns/net").readlink())


def test_it_requests_what_was_given(daemon: FakeDaemon, attached: Attached) -> None:
    options = "--ip 10.1.0.7 --ip6 fd00::7 --interface wan0 --mac-address 02:00:00:00:00:07"
    others = "--name probe --label a=b -o rate=9 --address-owner vm-7"
    run(daemon, *options.split(), "blue", *others.split(), "--", "true")
    _, request = attached.asked[0]
    assert request["pid"] > 1
    assert {name: value for name, value in request.items() if name != "pid"} == {
        "network": "blue",
        "container_id": "probe",
        "addresses": ["10.1.0.7", "fd00::7"],
        "interface": "wan0",
        "mac_address": "02:00:00:00:00:07",
        "address_owner": "vm-7",
        "labels": {"a": "b"},
        "options": {"rate": "9"},
    }


def test_a_sandbox_without_a_name_gets_a_random_one(daemon: FakeDaemon, attached: Attached) -> None:
    run(daemon, "blue", "--", "true")
    run(daemon, "blue", "--", "true")
    names = [request["container_id"] for verb, request in attached.asked if verb == "Connect"]
    assert all(re.fullmatch("run-[0-9a-f]{12}", name) for name in names)
    assert len(set(names)) == 2


def test_a_refused_command_is_never_run(
    daemon: FakeDaemon, attached: Attached, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    status, _, err = run(daemon, "nope", "--", "touch", str(mark))
    assert (status, err) == (1, "mynetctl: NETWORK_NOT_FOUND: there is no such network\n")
    assert attached.present == {}
    assert not mark.exists()


def test_without_a_daemon_the_command_is_not_run(tmp_path: Path, daemon: FakeDaemon) -> None:
    mark = tmp_path / "mark"
    address = {"MYNET_ADDRESS": f"unix://{tmp_path}/socket", "PATH": PATH}
    done = program(daemon, "run", "blue", "--", "touch", str(mark), env=address)
    assert (done.returncode, done.stderr.count(b"\n")) == (3, 1)
    assert not mark.exists()


def test_a_connect_whose_answer_is_lost_is_disconnected(
    daemon: FakeDaemon, attached: Attached, tmp_path: Path
) -> None:
    attached.lost = True
    mark = tmp_path / "mark"
    arguments = ("--timeout", "1", "run", "blue", "--", "touch", str(mark))
    done = program(daemon, *arguments, env={"PATH": PATH})
    assert (done.returncode, done.stderr[:18]) == (3, b"mynetctl: TIMEOUT:")
    assert attached.namespaces != []
    assert attached.present == {}
    assert not mark.exists()


def test_other_sandboxes_of_the_same_name_stay_connected(
    daemon: FakeDaemon, attached: Attached
) -> None:
    attached.add("theirs", pid=1)
    run(daemon, "--name", "probe", "blue", "--", "true")
    assert list(attached.present) == ["theirs"]


def test_a_failed_disconnect_is_reported(daemon: FakeDaemon, attached: Attached) -> None:
    daemon.answer("Disconnect", Refusal("INTERNAL", "KERNEL_ERROR", "the kernel refused"))
    told = (
        "mynetctl: KERNEL_ERROR: the kernel refused\n"
        "mynetctl: probe is still connected; disconnect it with: mynetctl disconnect --all probe\n"
    )
    command = ("--name", "probe", "blue", "--", "sh", "-c")
    for words, status in (("exit 0", 0), ("exit 7", 7)):
        assert run(daemon, *command, words) == (status, "", told)


def test_without_privilege_it_fails_before_any_call(daemon: FakeDaemon) -> None:
    drop = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")
    done = program(daemon, "run", "blue", "--", "true", env={"PATH": PATH}, before=drop)
    assert (done.returncode, daemon.asked) == (1, [])
    assert done.stderr == (
        b"mynetctl: PRIVILEGE_MISSING: a network namespace cannot be created:"
        b" Operation not permitted; run mynetctl as root\n"
    )
