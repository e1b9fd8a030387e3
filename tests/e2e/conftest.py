"""Fixtures: testbeds, daemons and sandboxes.

The tests of a module share a daemon, and each leaves the host as it was. This machine's own network
must be the same after the session as before.
"""

import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import pytest

from mynet.v1.network_pb2 import Network
from tests.e2e.support import fork_client
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import Namespace, environment
from tests.e2e.support.testbed import Sandbox, Testbed


@pytest.fixture(scope="session", autouse=True)
def _machine() -> Iterator[None]:
    """Compare this machine's own network at the end with what it was."""
    machine = Namespace("/proc/self/ns/net")
    before = machine.state()
    yield
    fork_client.end_server()
    assert machine.state() == before


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of a failed test's daemons."""
    report = yield
    if report.failed:
        for value in item.funcargs.values():
            if isinstance(value, Testbed):
                report.sections += [(f"log {name}", log) for name, log in value.logs().items()]
    return report


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Build wheels of projects and install them, into a folder to be put on PYTHONPATH."""

    def run(*command: str | Path) -> None:
        subprocess.run([sys.executable, "-m", *command], check=True, env=environment())

    def install(*projects: Path) -> str:
        wheels, target = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("installed")
        for project in projects:
            run("build", "--wheel", "--no-isolation", "--outdir", wheels, project)
        where = ("--no-index", "--no-deps", "--target", target)
        run("pip", "--disable-pip-version-check", "install", *where, *wheels.glob("*.whl"))
        return str(target)

    return install


@pytest.fixture
def empty_testbed(tmp_path: Path) -> Iterator[Testbed]:
    """A testbed of the test's own, on which no daemon has ever run."""
    made = Testbed(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def testbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """The testbed of the module's tests."""
    made = Testbed(tmp_path_factory.mktemp("testbed"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def options() -> Sequence[str]:
    """The options of the module's daemon. A module whose tests damage the kernel has --no-heal."""
    return ()


@pytest.fixture(scope="module")
def module_daemon(testbed: Testbed, options: Sequence[str]) -> Iterator[Daemon]:
    made = Daemon(testbed, *options)
    yield made
    made.stop()


@pytest.fixture
def daemon(module_daemon: Daemon) -> Iterator[Daemon]:
    """The module's daemon. When all its networks are deleted, the host must be as before."""
    before = module_daemon.everything()
    yield module_daemon
    module_daemon.clear()
    assert module_daemon.everything() == before


@pytest.fixture
def new_sandbox(daemon: Daemon) -> Iterator[Callable[[str], Sandbox]]:
    """Make a sandbox on the testbed of the module's daemon."""
    made: list[Sandbox] = []

    def make(name: str) -> Sandbox:
        made.append(Sandbox(daemon.testbed, name))
        return made[-1]

    yield make
    for sandbox in made:
        sandbox.close()


@pytest.fixture
def one(new_sandbox: Callable[[str], Sandbox]) -> Sandbox:
    return new_sandbox("one")


@pytest.fixture
def two(new_sandbox: Callable[[str], Sandbox]) -> Sandbox:
    return new_sandbox("two")


@pytest.fixture
def blue(daemon: Daemon) -> Network:
    """The network blue: 10.88.0.0/24 and fd88::/64."""
    return daemon.create("blue")
