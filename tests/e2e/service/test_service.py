"""What the settings of the shipped service allow the daemon, and what they refuse."""

import os
import signal
from pathlib import Path

import pytest

from mynet.v1.network_pb2 import BackupRequest, DoctorRequest, PortMapping
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.surroundings.systemd import ServiceDaemon, Systemd
from tests.e2e.support.testbed import HOST, Sandbox, Testbed


def status(daemon: Daemon) -> dict[str, str]:
    lines = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_the_service_has_the_settings_of_its_unit(module_systemd: Systemd, daemon: Daemon) -> None:
    assert module_systemd.show("ActiveState") == "active"
    assert module_systemd.show("StatusText") == "Serving at unix:///run/mynet/mynetd.sock"
    own = status(daemon)
    assert (own["NoNewPrivs"], own["Seccomp"]) == ("1", "2")
    # CHOWN, DAC_READ_SEARCH, NET_BIND_SERVICE, NET_BROADCAST, NET_ADMIN, NET_RAW,
    # SYS_PTRACE, SYS_ADMIN
    wanted = {0, 2, 10, 11, 12, 13, 19, 21}
    assert int(own["CapBnd"], 16) == sum(1 << number for number in wanted)
    root = Path(f"/proc/{daemon.pid}/root")
    writable = [
        folder
        for folder in ("/", "/usr", "/etc", "/home", "/root", "/opt", "/var/lib", "/sys")
        if not os.statvfs(f"{root}{folder}").f_flag & os.ST_RDONLY
    ]
    assert writable == ["/sys"]  # as on every host, where ProtectKernelTunables= is not set
    assert not os.statvfs(f"{root}/var/lib/mynet").f_flag & os.ST_RDONLY


@pytest.mark.usefixtures("blue")
def test_a_sandbox_by_a_path_below_run_user(daemon: Daemon, one: Sandbox, two: Sandbox) -> None:
    folder = "/run/user/1000/netns"
    daemon.testbed.run("mkdir", "-p", folder)
    daemon.testbed.run("chown", "-R", "1000", "/run/user/1000")
    daemon.testbed.run("chmod", "0700", "/run/user/1000")
    daemon.testbed.run("touch", f"{folder}/rootless")
    daemon.testbed.run("mount", "--bind", f"/run/netns/{one.name}", f"{folder}/rootless")
    daemon.connect("one", netns_path=f"{folder}/rootless")
    daemon.connect("two")
    assert two.pings("10.88.0.2")
    daemon.testbed.run("umount", f"{folder}/rootless")


@pytest.mark.usefixtures("blue")
def test_a_sandbox_by_the_pid_of_another_users_process(
    module_systemd: Systemd, daemon: Daemon, one: Sandbox
) -> None:
    started = module_systemd.run_other("sleep", "infinity", netns=f"/run/netns/{one.name}")
    daemon.connect("one", pid=started)
    assert one.pings("10.88.0.1")


@pytest.mark.usefixtures("blue")
def test_a_port_below_1024_is_published(daemon: Daemon, one: Sandbox) -> None:
    daemon.connect("one", ports=[PortMapping(host_port=80, container_port=80)])
    with one.listen("10.88.0.2", 80), daemon.testbed.outside.dial(HOST[0], 80):
        pass


@pytest.mark.usefixtures("blue")
def test_sysctls_and_bandwidth_are_set_in_the_sandbox(daemon: Daemon, one: Sandbox) -> None:
    sysctl = "net.ipv4.conf.IFNAME.rp_filter"
    options = {sysctl: "2", "bandwidth_egress": "10Mbit", "bandwidth_ingress": "10Mbit"}
    endpoint = daemon.connect("one", options=options)
    assert one.run("sysctl", "-n", sysctl.replace("IFNAME", "eth0")) == "2\n"
    assert daemon.problems(endpoint) == []


@pytest.mark.usefixtures("blue")
def test_doctor_probes_and_finds_nothing_wrong(daemon: Daemon, one: Sandbox, two: Sandbox) -> None:
    daemon.connect("one")
    daemon.connect("two")
    answer = daemon.net.Doctor(DoctorRequest(probe=True))
    assert (list(answer.findings), list(answer.unexamined)) == ([], [])
    assert answer.probes


@pytest.mark.usefixtures("blue")
def test_damage_is_healed(daemon: Daemon, one: Sandbox) -> None:
    daemon.connect("one")
    one.run("ip", "address", "flush", "dev", "eth0")
    eventually(lambda: one.addresses("eth0") == {"10.88.0.2/24", "fd88::2/64"})


def test_a_backup_is_sent_to_its_caller(daemon: Daemon) -> None:
    parts = list(daemon.net.Backup(BackupRequest()))
    assert sum(len(part.data) for part in parts) > 0


def test_a_reload_is_one_for_systemd_too(module_systemd: Systemd, daemon: Daemon) -> None:
    assert module_systemd.ctl("reload", "mynetd.service").returncode == 0
    eventually(lambda: '"reloaded"' in daemon.log.read_text())
    eventually(lambda: module_systemd.show("ActiveState") == "active")
    assert int(module_systemd.show("MainPID")) > 0


def test_a_daemon_that_hangs_is_started_again_and_its_networks_stay(
    service_testbed: Testbed,
) -> None:
    systemd = Systemd(service_testbed, "WatchdogSec=3\nTimeoutAbortSec=1\n")
    try:
        daemon = ServiceDaemon(systemd)
        daemon.create()
        box = Sandbox(service_testbed, "one")
        daemon.connect("one")
        daemon.signal(signal.SIGSTOP)
        eventually(lambda: int(systemd.show("NRestarts")) > 0)
        assert box.pings("10.88.0.1")
        eventually(lambda: systemd.show("ActiveState") == "active")
        again = ServiceDaemon(systemd)
        assert again.pid != daemon.pid
        assert [network.name for network in again.networks()] == ["blue"]
        again.stop()
    finally:
        systemd.close()


def test_a_wrong_configuration_does_not_start(service_testbed: Testbed) -> None:
    service_testbed.spoilt = True  # the state directory that systemd makes stays empty
    systemd = Systemd(service_testbed, "Environment=MYNET_LISTEN=nowhere\n")
    try:
        assert systemd.ctl("start", "mynetd.service").returncode != 0
        assert systemd.show("ExecMainPID") == "0"
        assert "nowhere is neither unix:///PATH nor HOST:PORT" in systemd.log.read_text()
        assert not (service_testbed.root / "var/lib/mynet/mynet.db").exists()
    finally:
        systemd.close()
