"""systemd on a testbed: the first process of PID, cgroup and mount namespaces of its own.

It starts the unit that is shipped, so the unit's settings are what systemd makes of them. Its
mounts and the testbed's are peers, as a host has one table of mounts. So systemd has what
``ip netns`` mounts on the testbed, and a service gets it as far as the service's unit allows.
"""

import contextlib
import subprocess
from pathlib import Path

from tests.e2e.support.daemon import SOCKET, Daemon, eventually
from tests.e2e.support.namespace import BIN, PATIENCE
from tests.e2e.support.testbed import Testbed

PACKAGING = Path(__file__).parents[4] / "packaging"
PROGRAM = "/lib/systemd/systemd"
_UNITS = "run/systemd/system"

# The cgroup is made in the hierarchy of version 2, wherever this machine has mounted it.
_BOOT = f"""
mount --make-rshared /
cgroups=/run/cgroups
mkdir -p $cgroups
mount -t cgroup2 cgroup2 $cgroups
own=$cgroups$(sed -n 's/^0:://p' /proc/self/cgroup)/mynet-$$
mkdir $own
echo $own >/run/cgroup-of-systemd
echo 0 >$own/cgroup.procs
exec unshare --pid --mount --cgroup --ipc --uts --fork --kill-child --propagation unchanged \\
    sh -euc '
mount --make-rprivate /proc
mount --make-rprivate /sys
mount -t proc proc /proc
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for folder in /etc /tmp /var/tmp /var/log /opt; do
    mount --bind $folder $folder
    mount --make-private $folder
done
mount -o remount,bind,ro /etc
for folder in /tmp /var/tmp /var/log /opt; do mount -t tmpfs tmpfs $folder; done
mkdir -p /opt/mynet/bin
mount --bind {BIN} /opt/mynet/bin
exec env -i container=mynet {PROGRAM} --system --unit=test.target --log-target=console \\
    --show-status=no
'
"""

# Without this, systemd starts the machine's own services. The log goes to a file without a journal.
_TARGET = """[Unit]
DefaultDependencies=no
"""
_DROP_IN = """[Unit]
DefaultDependencies=no
Wants=
After=
[Service]
StandardError=append:/run/mynetd.log
"""


class Systemd:
    """systemd with the shipped units, none of which it has started.

    ``drop_in`` is added to mynetd.service.
    """

    def __init__(self, testbed: Testbed, drop_in: str = "") -> None:
        self.testbed = testbed
        self.log = testbed.root / "run" / "mynetd.log"
        self._units = units = testbed.root / _UNITS
        (units / "mynetd.service.d").mkdir(parents=True)
        for unit in PACKAGING.glob("mynetd.*"):
            (units / unit.name).write_text(unit.read_text())
        (units / "test.target").write_text(_TARGET)
        (units / "mynetd.service.d" / "test.conf").write_text(_DROP_IN + drop_in)
        output = testbed.folder / "systemd.log"
        self.process = testbed.start("sh", "-euc", _BOOT, output=output)
        try:
            eventually(lambda: self._has_booted(output))
        except BaseException:
            self.close()
            raise

    def _has_booted(self, output: Path) -> bool:
        assert self.process.poll() is None, output.read_text()
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        if not children:
            return False
        self._pid = int(children)
        return (self.testbed.root / "run/systemd/private").exists()

    def ctl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run systemctl."""
        enter = ("nsenter", f"--target={self._pid}", "--mount", "--pid", "--cgroup", "--net")
        return subprocess.run(
            [*enter, "systemctl", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def show(self, name: str) -> str:
        """Return a property of mynetd.service. Like: systemctl show --property NAME."""
        return self.ctl("show", "--property", name, "--value", "mynetd.service").stdout.strip()

    def main_pid(self) -> int:
        """Return the pid of mynetd for this process."""
        inner = self.show("MainPID")
        namespace = Path(f"/proc/{self._pid}/ns/pid")
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with contextlib.suppress(OSError):
                    status = (folder / "status").read_text()
                    is_main = f"\nNSpid:\t{folder.name}\t{inner}\n" in status
                    if is_main and (folder / "ns/pid").samefile(namespace):
                        return int(folder.name)
        raise AssertionError("mynetd.service has no process")

    def run_other(self, *command: str, netns: str) -> int:
        """Start a program of another user in a namespace; return its pid for the service."""
        unit = f"other-{len(list(self._units.iterdir()))}.service"
        self._units.joinpath(unit).write_text(
            "[Unit]\nDefaultDependencies=no\n"
            f"[Service]\nUser=1000\nNetworkNamespacePath={netns}\nExecStart={' '.join(command)}\n"
        )
        assert self.ctl("daemon-reload").returncode == 0
        started = self.ctl("start", unit)
        assert started.returncode == 0, started.stderr
        return int(self.ctl("show", "--property", "MainPID", "--value", unit).stdout)

    def close(self) -> None:
        """End systemd and its services, and remove the cgroups."""
        self.process.kill()
        self.process.wait(PATIENCE)
        own = self.testbed.root / (self.testbed.root / "run/cgroup-of-systemd").read_text().strip(
            "/\n"
        )
        eventually(lambda: not (own / "cgroup.events").read_text().startswith("populated 1"))
        for folder in sorted([own, *own.rglob("*/")], reverse=True):
            folder.rmdir()


class ServiceDaemon(Daemon):
    """The daemon that mynetd.service starts."""

    def __init__(self, systemd: Systemd) -> None:
        self.testbed, self.log = systemd.testbed, systemd.log
        self._systemd, self._process = systemd, systemd.process
        started = systemd.ctl("start", "mynetd.service")
        assert started.returncode == 0, f"{started.stderr}\n{self.log.read_text()}"
        self.pid = systemd.main_pid()
        self._await(SOCKET)
        self.testbed.settings = {}

    def stop(self) -> None:
        """Stop the service, which must end by itself."""
        assert self._systemd.ctl("stop", "mynetd.service").returncode == 0
        assert self._systemd.show("Result") == "success"
        self.channel.close()
