"""Sysctls that are right already, read-only, or not there."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from mynet.drivers.errors import DriverError
from mynet.drivers.linux import sysctl

SCRIPT = """
import sys
from mynet.drivers.errors import DriverError
from mynet.drivers.linux import sysctl
try:
    sysctl.write(sysctl.NET / sys.argv[1], sys.argv[2])
except DriverError as error:
    print(error)
else:
    print("set")
"""


def write(setting: str, value: str, *before: str) -> str:
    """Set a sysctl in namespaces of its own after some commands; return what comes of it."""
    script = "; ".join((*before, 'exec "$0" -c "$1" "$2" "$3"'))
    command = ["unshare", "--net", "--mount", "sh", "-euc", script, sys.executable, SCRIPT]
    done = subprocess.run(
        [*command, setting, value], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


READ_ONLY = "mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys"
FORWARD = "echo {} >/proc/sys/net/ipv4/ip_forward"


@pytest.mark.parametrize("value", ["0", "1"])
def test_a_value_that_stands_already_is_not_written(value: str) -> None:
    assert write("ipv4/ip_forward", value, FORWARD.format(value), READ_ONLY) == "set"


def test_another_value_is_refused_with_the_command_that_sets_it() -> None:
    said = write("ipv4/ip_forward", "1", FORWARD.format(0), READ_ONLY)
    assert said == (
        "the kernel refused to set net.ipv4.ip_forward=1: Read-only file system; run as root, on"
        " the host: sysctl -w net.ipv4.ip_forward=1; or let mynetd write to /proc/sys (systemd:"
        " ProtectKernelTunables=no; in a container: privileged); docs/mynetd.md has all sysctls"
        " that mynetd sets"
    )


def test_the_command_for_an_interface_sets_the_default() -> None:
    """The interface does not exist yet when a person can act."""
    said = write("ipv6/conf/lo/accept_ra", "2", READ_ONLY)
    assert "set net.ipv6.conf.lo.accept_ra=2: Read-only" in said
    assert "sysctl -w net.ipv6.conf.default.accept_ra=2;" in said


def test_a_sysctl_that_is_missing_says_so() -> None:
    assert "this kernel does not have the sysctl" in write("ipv4/no_such", "1")


@pytest.mark.parametrize(
    ("setting", "command"),
    [
        ("ipv4/ip_forward", "on the host: sysctl -w net.ipv4.ip_forward=7;"),
        ("ipv4/conf/br-web/forwarding", "on the host: sysctl -w net.ipv4.ip_forward=7;"),
        ("ipv4/conf/lo/arp_ignore", "it is made: sysctl -w net.ipv4.conf.default.arp_ignore=7;"),
    ],
)
def test_the_remedy_names_the_sysctl_that_can_be_set_in_advance(
    monkeypatch: pytest.MonkeyPatch, setting: str, command: str
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(Path, "read_text", lambda _: "0")
    monkeypatch.setattr(Path, "write_text", read_only)
    with pytest.raises(DriverError) as caught:
        sysctl.write(sysctl.NET / setting, "7")
    assert command in str(caught.value)
