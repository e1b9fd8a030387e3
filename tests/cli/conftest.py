"""mynetctl against a fake daemon, without root and without a network."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from mynet.cli.program import mynetctl
from tests.cli.support.attached import Attached
from tests.cli.support.fake import FakeDaemon


@dataclass(frozen=True)
class Done:
    """The result of a run of mynetctl."""

    status: int
    out: str
    err: str


Ctl = Callable[..., Done]

BIN = Path(sys.executable).parent
PATH = f"{BIN}:{os.environ['PATH']}:/usr/sbin:/sbin"


def program(
    daemon: FakeDaemon,
    *arguments: str,
    stdout: int = subprocess.PIPE,
    env: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
    given: bytes | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    """Run mynetctl as a process with a minimal environment.

    ``before`` are the words of a program that starts it, and ``given`` is its standard input.
    """
    return subprocess.run(
        [*before, BIN / "mynetctl", *arguments],
        env={"MYNET_ADDRESS": daemon.address, **(env or {})},
        input=given,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )


@pytest.fixture(scope="session")
def one_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeDaemon]:
    made = FakeDaemon(tmp_path_factory.mktemp("f") / "socket")
    yield made
    made.close()


@pytest.fixture
def daemon(one_daemon: FakeDaemon) -> Iterator[FakeDaemon]:
    yield one_daemon
    one_daemon.forget()


@pytest.fixture
def attached(daemon: FakeDaemon) -> Iterator[Attached]:
    made = Attached(daemon)
    yield made
    made.over.set()


@pytest.fixture
def ctl(daemon: FakeDaemon) -> Ctl:
    """Return a function that runs mynetctl in this process, by default against the fake daemon."""

    def ctl(*arguments: str, address: str = daemon.address, **environ: str) -> Done:
        env = {"MYNET_ADDRESS": address, "MYNET_OUTPUT": None, **environ}
        result = CliRunner().invoke(mynetctl, arguments, env=env, prog_name="mynetctl")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return ctl
