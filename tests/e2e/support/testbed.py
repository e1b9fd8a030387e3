"""A testbed: a host for a test, with sandboxes on it and a network outside.

It is a network namespace, and a mount namespace in which /run and /var/lib are empty. What
``ip netns`` and mynetd write there stays on the testbed, and mynetd runs with its default paths.
All of it goes with the processes that :meth:`Testbed.close` ends.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from mynet.server.offline.fsck import examine
from tests.e2e.support import fork_client
from tests.e2e.support.namespace import PATIENCE, Namespace, environment

Process: TypeAlias = "subprocess.Popen[bytes] | fork_client.ForkedProcess"

HOST, OUTSIDE = ("203.0.113.1", "2001:db8::1"), ("203.0.113.2", "2001:db8::2")

# A new namespace inherits forwarding from the one that makes it. It is turned off here, as on any
# host that is not a router. The outside has a route to the host, and none to a network behind it.
# The links have link-local addresses, because the kernel forwards IPv6 only after it has asked for
# the neighbour from one. The kernel notices the carrier of a new link after up to a second, or when
# a program asks for that link; until then IPv6 does not answer on it. `cat` holds the namespaces,
# and ends when its standard input is closed.
_SET_UP = f"""
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
echo 0 >/proc/sys/net/ipv4/ip_forward
echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
ip netns add outside
ip -batch - <<.
link set lo up
link add uplink type veth peer name eth0 netns outside
address add {HOST[0]}/24 dev uplink
address add {HOST[1]}/64 dev uplink nodad
address add fe80::1/64 dev uplink nodad
link set uplink addrgenmode none up
route add default via {OUTSIDE[0]}
route add default via {OUTSIDE[1]}
.
ip -n outside -batch - <<.
link set lo up
address add {OUTSIDE[0]}/24 dev eth0
address add {OUTSIDE[1]}/64 dev eth0 nodad
address add fe80::2/64 dev eth0 nodad
link set eth0 addrgenmode none up
.
ip link show dev uplink >/dev/null
ip -n outside link show dev eth0 >/dev/null
until ping -q -c 1 -W 2 {OUTSIDE[1]} >/dev/null; do :; done
echo ready
exec cat
"""


class Sandbox(Namespace):
    """A network namespace to connect, as a container runtime makes it for a container."""

    def __init__(self, testbed: "Testbed", name: str) -> None:
        testbed.run("ip", "netns", "add", name)
        super().__init__(f"{testbed.root}/run/netns/{name}")
        self.name = name
        self._testbed = testbed

    def close(self) -> None:
        """Delete it, unless a test has done so."""
        if Path(self.path).exists():
            self._testbed.run("ip", "netns", "del", self.name)


class Testbed(Namespace):
    """The host. Its logs stay in ``folder`` when it is gone.

    When it is closed, fsck must find the state directory and the kernel in order, however the
    daemons have ended.
    """

    __test__ = False  # pytest takes a class for tests by the first letters of its name

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Set by a test that leaves damage: fsck is not run then.
        self.spoilt = False
        # The variables of the last daemon that came to serve.
        self.settings: Mapping[str, str] | None = None
        self._processes: list[Process] = []
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-euc", _SET_UP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        assert self._holder.stdout
        assert self._holder.stdout.readline() == b"ready\n", "the testbed could not be set up"
        super().__init__(f"/proc/{self._holder.pid}/ns/net")
        self._enter = ["nsenter", f"--target={self._holder.pid}", "--net", "--mount"]
        self._namespaces = [f"/proc/{self._holder.pid}/ns/{kind}" for kind in ("mnt", "net")]
        self._mounts = _mounts_of(self._holder.pid)
        self.root = Path(f"/proc/{self._holder.pid}/root")
        self.outside = Namespace(f"{self.root}/run/netns/outside")

    def start(
        self, *command: str | Path, output: Path = Path(os.devnull), **environ: str
    ) -> Process:
        """Start a program, which ends with the testbed or with this process at the latest.

        What it prints goes to the file ``output``.
        """
        with output.open("wb") as file:
            process = self._start(command, file.fileno(), environ)
        self._processes.append(process)
        return process

    def _start(
        self, command: Sequence[str | Path], output: int, environ: Mapping[str, str]
    ) -> Process:
        if fork_client.can_fork(command, environ):
            return fork_client.start(
                command, environment(**environ), self._namespaces, output=output, errors=output
            )
        return subprocess.Popen(
            [*self._enter, "setpriv", "--pdeathsig=KILL", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(**environ),
        )

    def shield(self, folder: str) -> None:
        """Lay an overlay over a folder of this machine: what is written stays on the testbed."""
        below = f"/run/shield{folder}"
        layers = f"lowerdir={folder},upperdir={below}/upper,workdir={below}/work"
        self.run("mkdir", "-p", f"{below}/upper", f"{below}/work")
        self.run("mount", "-t", "overlay", "overlay", "-o", layers, folder)

    def forwarding(self) -> tuple[str, str]:
        """Return whether the host forwards IPv4 and IPv6, "0" or "1" each."""
        ipv4, ipv6 = self.run(
            "cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"
        ).split()
        return ipv4, ipv6

    def logs(self) -> dict[str, str]:
        """Return the contents of the daemons' logs, by the name of the file."""
        return {path.name: path.read_text() for path in sorted(self.folder.glob("*.log"))}

    def record_findings(self) -> Sequence[str]:
        """Return what fsck finds wrong with the records of a daemon that has ended."""
        return examine(self.root / "var/lib/mynet").findings

    def findings(self) -> Sequence[str]:
        """Return what fsck finds wrong with the records and the kernel.

        It must compare the two where a daemon has come to serve.
        """
        if not (self.root / "var/lib/mynet").exists():
            return []
        if self.settings is None:
            return self.record_findings()
        done = self.attempt("mynetd", "fsck", **self.settings)
        assert done.returncode in (0, 1), done.stderr
        assert "the kernel was not compared" not in done.stderr, done.stderr
        lines = done.stdout.splitlines()
        if done.returncode:
            return lines
        assert len(lines) == 1
        assert lines[0].endswith(" The kernel agrees.")
        return []

    def close(self) -> None:
        """End all processes, and with them the namespaces and mounts.

        Raises AssertionError where another process is left on the testbed, or fsck finds damage.
        """
        for process in self._processes:
            process.kill()
            process.wait(PATIENCE)
        try:
            findings = [] if self.spoilt else self.findings()
        finally:
            left = [pid for pid in _processes() if _mounts_of(pid) == self._mounts]
            self._holder.communicate(timeout=PATIENCE)
        assert left == [self._holder.pid], "a process was left on the testbed"
        assert findings == [], f"the daemons left their state in disorder: {findings}"


def _processes() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdecimal()]


def _mounts_of(pid: int) -> str:
    """Return the identity of a process's mount namespace; "" where the process has ended."""
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")  # noqa: PTH115 - it leads to no path
    except OSError:
        return ""
