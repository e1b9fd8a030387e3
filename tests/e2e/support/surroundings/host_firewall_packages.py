"""Docker's daemon, ufw and firewalld on a testbed, from Debian's packages.

``.ci/host-firewalls`` has unpacked them. Here they are laid over /usr and /etc of the testbed. Each
runs there as if it were installed, and this machine does not have it.
"""

from pathlib import Path

from tests.e2e.support.daemon import eventually
from tests.e2e.support.namespace import PATIENCE, Namespace
from tests.e2e.support.testbed import Testbed

FOLDER = Path(__file__).parents[4] / ".venv" / "host-firewalls"

_LAY_OUT = f"""
mount -t overlay overlay -o lowerdir={FOLDER}/usr:/usr /usr
mkdir -p /run/etc/upper /run/etc/work
layers=lowerdir={FOLDER}/etc:/etc,upperdir=/run/etc/upper,workdir=/run/etc/work
mount -t overlay overlay -o "$layers" /etc
cp /usr/share/ufw/*.rules /usr/share/ufw/*.init /usr/share/ufw/ufw.conf /etc/ufw/
"""
# Docker gives a container's terminals to group 5, which an ordinary user's namespace does not have.
_RUNTIME = """#!/bin/sh -eu
for each; do
    [ "${last-}" != --bundle ] || sed -i 's/,"gid=5"//' "$each/config.json"
    last=$each
done
exec runc "$@"
"""
_BUS = """<busconfig>
<type>system</type>
<listen>unix:path=/run/dbus/system_bus_socket</listen>
<policy context="default">
<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_destination="*"/>
<allow receive_sender="*"/>
</policy>
</busconfig>"""


def lay_out(testbed: Testbed) -> None:
    """Lay the packages over a testbed's /usr and /etc, and start none of their programs."""
    testbed.run("sh", "-euc", _LAY_OUT)


class Docker:
    """dockerd with ``--rootless``, so that it leaves the machine's control groups alone."""

    def __init__(self, testbed: Testbed) -> None:
        self._testbed = testbed
        (testbed.root / "run/runtime").write_text(_RUNTIME)
        (testbed.root / "run/runtime").chmod(0o755)
        runtime = ("--add-runtime=plain=/run/runtime", "--default-runtime=plain")
        options = ("--rootless", "--storage-driver=vfs", "--userland-proxy=false", *runtime)
        self._environ = {"XDG_RUNTIME_DIR": "/run", "DOCKER_HOST": "unix:///run/docker.sock"}
        log = testbed.folder / "dockerd.log"
        self._process = testbed.start("dockerd", *options, output=log, **self._environ)
        eventually(lambda: self._attempt("info") == 0)
        testbed.run("sh", "-c", f"tar -C /usr/bin -c busybox | {self._command} import - box")

    @property
    def _command(self) -> str:
        return f"docker --host={self._environ['DOCKER_HOST']}"

    def _attempt(self, *words: str) -> int:
        return self._testbed.attempt(*self._command.split(), *words).returncode

    def run(self, *words: str) -> str:
        """Run a command of docker, which has to succeed; return what it printed."""
        return self._testbed.run(*self._command.split(), *words)

    def namespace(self, container: str) -> Namespace:
        """Return the network namespace of a container."""
        pid = self.run("inspect", "--format={{.State.Pid}}", container).strip()
        return Namespace(f"/proc/{pid}/ns/net")

    def close(self) -> None:
        """Remove all containers, and end the daemon."""
        containers = self.run("ps", "--all", "--quiet").split()
        if containers:
            self.run("rm", "--force", *containers)
        self._process.terminate()
        self._process.wait(PATIENCE)


class Firewalld:
    """firewalld, with its own message bus."""

    def __init__(self, testbed: Testbed) -> None:
        testbed.run("mkdir", "-p", "/run/dbus")
        (testbed.root / "run/bus.conf").write_text(_BUS)
        bus = ("dbus-daemon", "--config-file=/run/bus.conf", "--nofork", "--nopidfile")
        self._bus = testbed.start(*bus)
        eventually((testbed.root / "run/dbus/system_bus_socket").exists)
        self._process = testbed.start("firewalld", "--nofork", "--nopid")
        eventually(lambda: testbed.attempt("firewall-cmd", "--state").returncode == 0)

    def close(self) -> None:
        """End both. firewalld removes its tables from the kernel."""
        for process in (self._process, self._bus):
            process.terminate()
            process.wait(PATIENCE)
