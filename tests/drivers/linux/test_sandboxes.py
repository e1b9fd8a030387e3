"""The daemon finds a sandbox whose path leads elsewhere."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mynet.drivers.api import Sandbox
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.sandboxes import Sandboxes
from tests.drivers.linux.support.namespaces import Namespace, open_descriptors


def find(sandbox: Sandbox) -> str | None:
    return Sandboxes().locate([sandbox]).get(sandbox.cookie)


@pytest.fixture
def away(new_namespace: Callable[[], Namespace]) -> Namespace:
    return new_namespace()


def test_locate_returns_a_sandboxs_own_path(away: Namespace, kernel: LinuxKernel) -> None:
    assert find(away.sandbox) == away.path
    assert kernel.sandboxes.exists(away.sandbox)


def test_locate_finds_a_sandbox_behind_a_process(away: Namespace, kernel: LinuxKernel) -> None:
    sandbox = Sandbox("/run/netns/no-longer", away.sandbox.cookie)
    # Only a descriptor keeps it alive, and descriptors are not searched.
    assert not kernel.sandboxes.exists(sandbox)
    with _process_in(away) as pid:
        assert find(sandbox) == f"/proc/{pid}/ns/net"
        assert kernel.sandboxes.exists(sandbox)
    assert not kernel.sandboxes.exists(sandbox)


def test_locate_finds_a_sandbox_when_another_has_its_path(
    away: Namespace, new_namespace: Callable[[], Namespace]
) -> None:
    with _process_in(away) as pid:
        moved = Sandbox(new_namespace().path, away.sandbox.cookie)
        assert find(moved) == f"/proc/{pid}/ns/net"


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "with space",
        "tab\tand\\",
        "two\nlines",
        "two\rends",
        "not\xa0ascii",
        "line\u2028end",
    ],
)
def test_locate_finds_a_sandbox_where_it_is_mounted(
    away: Namespace, kernel: LinuxKernel, tmp_path: Path, name: str
) -> None:
    with _mounted(away, tmp_path / name):
        sandbox = Sandbox("/gone", away.sandbox.cookie)
        assert find(sandbox) == str(tmp_path / name)
        assert kernel.sandboxes.exists(sandbox)


def test_locate_finds_a_sandbox_behind_a_mount_whose_name_is_not_text(
    away: Namespace, tmp_path: Path
) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    with _mounted(away, odd):
        assert find(Sandbox("/gone", away.sandbox.cookie)) == str(odd)


def test_locate_leaves_no_descriptor_open(away: Namespace) -> None:
    before = open_descriptors()
    with _process_in(away):
        for _ in range(20):
            assert find(Sandbox("/gone", away.sandbox.cookie))
    assert open_descriptors() == before


def test_locate_works_while_processes_start_and_end(away: Namespace) -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            subprocess.run(["true"], check=True)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        with _process_in(away) as pid:
            for _ in range(20):
                assert find(Sandbox("/gone", away.sandbox.cookie)) == f"/proc/{pid}/ns/net"
    finally:
        stop.set()
        thread.join()


@contextmanager
def _process_in(namespace: Namespace) -> Iterator[int]:
    """Run a process in a namespace; its first byte shows that it is there."""
    with namespace.entered():
        process = subprocess.Popen(["sh", "-c", "echo; exec cat"], stdin=-1, stdout=-1)
    with process:
        assert process.stdout
        process.stdout.read(1)
        yield process.pid
        process.terminate()


@contextmanager
def _mounted(namespace: Namespace, path: Path) -> Iterator[None]:
    path.touch()
    subprocess.run(["mount", "--bind", namespace.path, path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)
