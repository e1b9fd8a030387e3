"""mynetctl as a process: its imports, its connection and Ctrl-C."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import BIN, program
from tests.cli.support.fake import FakeDaemon
from tests.cli.support.samples import BLUE_ID

SECONDS = 60.0

# Raises what Ctrl-C raises, while a module is being imported.
INTERRUPTED_IMPORT = """
import sys

class Finder:
    def find_spec(self, name, *_):
        if name == "click":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder())
from mynet.cli.main import main
main()
"""

# Prints the modules that a command has imported.
LISTED_IMPORTS = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from mynet.cli.main import main
main()
"""


@pytest.mark.parametrize(
    "arguments", ["--help", "--version", "network create --help", "run --help", "network create"]
)
def test_commands_that_do_not_call_the_daemon_do_not_import_grpc(
    daemon: FakeDaemon, arguments: str
) -> None:
    done = program(daemon, *arguments.split(), env={"PYTHONPROFILEIMPORTTIME": "1"})
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert "mynet.cli.program" in loaded
    heavy = {name for name in loaded if name.split(".")[0] in {"grpc", "google", "ctypes"}}
    assert heavy == set()


def test_a_call_imports_only_what_its_own_command_needs(daemon: FakeDaemon) -> None:
    daemon.answer("ListNetworks", {"networks": [{"id": BLUE_ID}]})
    done = subprocess.run(
        [sys.executable, "-c", LISTED_IMPORTS, "network", "ls", "-q"],
        env={"MYNET_ADDRESS": daemon.address},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "4aa980159bc1\n"
    loaded = set(done.stderr.split())
    own = {name for name in loaded if name.startswith(("mynet.cli.commands.", "mynet.v1."))}
    needed = {"mynet.cli.commands.network", "mynet.cli.commands.completion"}
    assert own == {*needed, "mynet.v1.network_pb2", "mynet.v1.ipam_pb2"}
    unused = {"tempfile", "shutil", "importlib.metadata", "grpc_status", "google.rpc", "cattrs"}
    assert loaded & {*unused, "mynet.server", "mynet.drivers", "mynet.ipam", "structlog"} == set()


def test_a_web_proxy_is_not_used(daemon: FakeDaemon) -> None:
    daemon.answer("ListNetworks", {"networks": [{"id": BLUE_ID}]})
    proxy = "http://127.0.0.1:1"
    environ = {"http_proxy": proxy, "grpc_proxy": proxy, "no_proxy": ""}
    arguments = ("--address", f"127.0.0.1:{daemon.port}", "network", "ls", "-q")
    assert program(daemon, *arguments, env=environ).stdout.decode() == "4aa980159bc1\n"


def test_an_address_that_grpc_refuses_is_one_line_of_error(daemon: FakeDaemon) -> None:
    done = program(daemon, "--address", "ipv4:1.2.3:4", "network", "ls")
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert done.stderr.startswith(b"mynetctl: ")


def test_a_socket_without_permission_is_status_3_and_names_who_may_use_it(
    daemon: FakeDaemon,
) -> None:
    drop = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")  # even root has to ask
    daemon.socket.chmod(0)
    try:
        done = program(daemon, "network", "ls", before=drop)
    finally:
        daemon.socket.chmod(0o660)
    assert done.returncode == 3
    assert done.stderr.decode() == (
        f"mynetctl: UNREACHABLE: no mynetd answers at {daemon.address} (Permission denied);"
        " only root and the group of its socket may use it: try sudo\n"
    )


@pytest.fixture
def hanging(daemon: FakeDaemon) -> Iterator[threading.Event]:
    """Make the daemon hang in ListNetworks. The event is set when it does."""
    arrived, over = threading.Event(), threading.Event()

    def hang(_: object) -> dict[str, Any]:
        arrived.set()
        over.wait(SECONDS)
        return {}

    daemon.answer("ListNetworks", hang)
    yield arrived
    over.set()


def test_ctrl_c_ends_a_call_without_output(daemon: FakeDaemon, hanging: threading.Event) -> None:
    with subprocess.Popen(
        [BIN / "mynetctl", "--address", daemon.address, "network", "ls"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert hanging.wait(SECONDS)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=SECONDS)
    assert (process.returncode, said.strip()) == (130, b"")


def test_ctrl_c_during_the_imports_prints_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
