"""Completion: the scripts in a real shell, and the names that the daemon knows."""

import subprocess
import threading
from collections.abc import Callable

import pytest
from click.shell_completion import ShellComplete

from mynet.cli.program import mynetctl
from tests.cli.conftest import BIN, Ctl, program
from tests.cli.support.attached import SECONDS
from tests.cli.support.fake import FakeDaemon
from tests.cli.support.samples import BLUE, ONE, ONE_ID, RED, TWO

# What bash does at a press of the tab key, on a line that ends where the key was pressed.
ASK = """
source <(mynetctl completion bash)
complete -p mynetctl
while read -r -a COMP_WORDS; do
    [ "${COMP_WORDS[-1]}" = . ] && COMP_WORDS[-1]=''
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _mynetctl_completion mynetctl
    echo "${COMPREPLY[@]}"
done
"""


@pytest.fixture
def full(daemon: FakeDaemon) -> FakeDaemon:
    """Return a daemon with two networks, two endpoints and two subnets."""
    daemon.answer("ListNetworks", {"networks": [BLUE, RED]})
    daemon.answer("ListEndpoints", {"endpoints": [ONE, TWO, ONE]})
    daemon.answer("ListSubnets", {"subnets": [{"cidr": "10.9.0.0/24"}, {"cidr": "fd09::/64"}]})
    return daemon


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], list[str]]:
    """Return a function that completes the last word of a line of arguments."""

    def complete(line: str, address: str) -> list[str]:
        monkeypatch.setenv("MYNET_ADDRESS", address)
        *words, incomplete = line.split(" ")
        shell = ShellComplete(mynetctl, {}, "mynetctl", "_MYNETCTL_COMPLETE")
        return [item.value for item in shell.get_completions(words, incomplete)]

    return complete


def test_bash_completes_commands_and_options_and_names(full: FakeDaemon) -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK],
        input="mynetctl net\nmynetctl network create --sub\nmynetctl network rm .\n",
        env={"PATH": f"{BIN}:/usr/bin:/bin", "MYNET_ADDRESS": full.address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "complete -o nosort -F _mynetctl_completion mynetctl",
        "network",
        "--subnet",
        "blue deep-red.1",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_uses_the_supported_protocol(
    ctl: Ctl, full: FakeDaemon, shell: str
) -> None:
    assert f"_MYNETCTL_COMPLETE={shell}_complete" in ctl("completion", shell).out
    words = "mynetctl network rm de"
    asked = {"COMP_WORDS": words, "COMP_CWORD": "de" if shell == "fish" else "3"}
    done = program(full, env={"_MYNETCTL_COMPLETE": f"{shell}_complete", **asked})
    assert "deep-red.1" in done.stdout.decode()
    assert "blue" not in done.stdout.decode()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("network inspect ", ["blue", "deep-red.1"]),
        ("network rm blue ", ["blue", "deep-red.1"]),
        ("connect b", ["blue"]),
        ("network connect b", ["blue"]),
        ("run d", ["deep-red.1"]),
        ("endpoint ls --network ", ["blue", "deep-red.1"]),
        ("endpoint ls --container ", ["one", "zwölf-容器"]),
        ("disconnect blue o", ["one"]),
        ("disconnect --all ", ["one", "zwölf-容器"]),
        ("disconnect --endpoint fd", [ONE_ID]),
        ("endpoint inspect fd", [ONE_ID]),
        ("endpoint check fd", [ONE_ID]),
        ("ipam ls ", ["10.9.0.0/24", "fd09::/64"]),
        ("ipam allocate 1", ["10.9.0.0/24"]),
        ("ipam release f", ["fd09::/64"]),
        ("ipam map 1", ["10.9.0.0/24"]),
        ("ipam export f", ["fd09::/64"]),
        ("ipam subnet inspect 1", ["10.9.0.0/24"]),
        ("ipam subnet rm fd09::/64 ", ["10.9.0.0/24", "fd09::/64"]),
    ],
)
def test_names_come_from_the_daemon(
    complete: Callable[[str, str], list[str]], full: FakeDaemon, line: str, offered: list[str]
) -> None:
    assert complete(line, full.address) == offered


def test_names_come_from_the_daemon_given_by_address(
    complete: Callable[[str, str], list[str]], full: FakeDaemon
) -> None:
    line = f"--address {full.address} network rm "
    assert complete(line, "unix:///nowhere/socket") == ["blue", "deep-red.1"]


def test_without_a_daemon_nothing_is_offered(complete: Callable[[str, str], list[str]]) -> None:
    assert complete("network rm ", "unix:///nowhere/socket") == []


def test_completion_does_not_wait_for_a_daemon_that_hangs(
    complete: Callable[[str, str], list[str]], daemon: FakeDaemon
) -> None:
    over = threading.Event()

    def hang(_: object) -> dict[str, object]:
        over.wait(SECONDS)
        return {}

    daemon.answer("ListNetworks", hang)
    assert complete("network rm ", daemon.address) == []
    over.set()
