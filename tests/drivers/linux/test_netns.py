"""Network namespaces: paths that lead elsewhere, and threads that return."""

import errno
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import KernelError, PrivilegeMissing, SandboxNotFound
from mynet.drivers.linux import netns
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.sandboxes import Sandboxes
from tests.drivers.linux.support.namespaces import Namespace

HERE = "/proc/thread-self/ns/net"


def test_a_namespace_has_the_same_cookie_at_every_path(
    new_namespace: Callable[[], Namespace],
) -> None:
    first, other = new_namespace(), new_namespace()
    again = os.dup(first.fd)
    try:
        assert netns.identify(f"/proc/self/fd/{again}").cookie == first.sandbox.cookie
        assert other.sandbox.cookie != first.sandbox.cookie
    finally:
        os.close(again)


def test_identify_refuses_a_fifo_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SandboxNotFound, match="is not a network namespace"):
        netns.identify(str(tmp_path / "pipe"))


@pytest.mark.parametrize(
    "path",
    ["/no/such/path", "", "a\0b", "\udcff\ud800", "/proc/self/status/x", "/" + "x" * 5000],
)
def test_identify_refuses_a_path_that_leads_nowhere(path: str) -> None:
    with pytest.raises(SandboxNotFound, match="leads to no network namespace"):
        netns.identify(path)


def test_identify_refuses_a_path_of_circular_links(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(SandboxNotFound, match="leads to no network namespace"):
        netns.identify(str(tmp_path / "circle"))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_path_that_may_not_be_followed_names_the_missing_capability(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(number, "refused")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PrivilegeMissing, match="CAP_SYS_PTRACE"):
        netns.identify(HERE)


def test_identify_refuses_the_path_of_a_process_that_ended() -> None:
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    for _ in ("a zombie", "gone"):
        with pytest.raises(SandboxNotFound):
            netns.identify(f"/proc/{zombie.pid}/ns/net")
        zombie.wait()


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self", "/dev/null"])
def test_identify_refuses_a_file_that_is_not_a_namespace(path: str) -> None:
    with pytest.raises(SandboxNotFound, match="is not a network namespace"):
        netns.identify(path)


@pytest.mark.parametrize("kind", ["mnt", "uts", "pid"])
def test_identify_refuses_a_namespace_of_another_type(kind: str) -> None:
    with pytest.raises(SandboxNotFound, match="another type"):
        netns.identify(f"/proc/self/ns/{kind}")


def test_entering_refuses_another_namespace_at_the_path(
    new_namespace: Callable[[], Namespace], kernel: LinuxKernel
) -> None:
    old = new_namespace()
    stale = Sandbox(new_namespace().path, old.sandbox.cookie)
    with pytest.raises(SandboxNotFound, match="another network namespace"):
        kernel.sandboxes.free_name(stale, ["eth0"])


def test_a_free_name_is_one_in_the_given_namespace(
    host: Namespace, new_sandbox: Callable[[], Namespace], kernel: LinuxKernel
) -> None:
    box = new_sandbox()
    host.run("ip", "link", "add", "here", "type", "bridge")
    box.run("ip", "link", "add", "there", "type", "bridge")
    box.run("ip", "link", "property", "add", "dev", "there", "altname", "also")
    assert kernel.links.has_device("here")
    assert not kernel.links.has_device("there")
    assert kernel.sandboxes.free_name(box.sandbox, ("lo", "there", "also", "here")) == "here"


def test_a_thread_returns_and_moves_no_other_thread(
    new_namespace: Callable[[], Namespace],
) -> None:
    away = new_namespace()
    home = netns.identify(HERE).cookie
    seen: list[int] = []
    go = threading.Event()

    def look() -> None:
        go.wait()
        seen.append(netns.identify(HERE).cookie)

    bystander = threading.Thread(target=look)
    bystander.start()
    with netns.inside(away.fd):
        assert netns.identify(HERE).cookie == away.sandbox.cookie
        go.set()
        bystander.join()
    assert netns.identify(HERE).cookie == home
    assert seen == [home]


def test_a_thread_returns_after_an_error(new_namespace: Callable[[], Namespace]) -> None:
    home = netns.identify(HERE).cookie
    with pytest.raises(ZeroDivisionError), netns.inside(new_namespace().fd):
        _ = 1 // 0
    assert netns.identify(HERE).cookie == home


def test_a_refused_entry_leaves_the_thread_where_it_was(host: Namespace, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        (tmp_path / "file").open() as file,
        pytest.raises(KernelError, match="enter"),
        netns.inside(file.fileno()),
    ):
        pass
    assert netns.identify(HERE).cookie == host.sandbox.cookie


def test_the_process_aborts_if_a_thread_cannot_return() -> None:
    script = (
        "import os\n"
        "from mynet.drivers.linux import netns\n"
        "fd = os.open('/proc/thread-self/ns/net', os.O_RDONLY)\n"
        "with netns.inside(fd):\n"
        "    netns._libc.setns = lambda *_: -1\n"
        "print('went on')\n"
    )
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=paths, check=False, capture_output=True
    )
    assert done.returncode == -6  # SIGABRT
    assert b"went on" not in done.stdout


@pytest.mark.parametrize("free", range(4))
def test_too_few_descriptors_raise_a_kernel_error(
    new_namespace: Callable[[], Namespace], free: int
) -> None:
    path = new_namespace().path
    home = netns.identify(HERE).cookie
    with _descriptors_left(free), pytest.raises(KernelError) as caught:
        Sandboxes().exists(Sandbox(path, 1))
    assert caught.value.metadata["errno"] == "EMFILE"
    assert netns.identify(HERE).cookie == home


@contextmanager
def _descriptors_left(free: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first = os.open("/dev/null", os.O_RDONLY)
    os.close(first)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first + free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
