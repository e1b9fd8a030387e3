"""packaging/mynetd.service and mynetd.socket, the units that docs/mynetd.md shows."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mynet.server.config.settings import DEFAULT_LISTEN
from mynet.server.model.callers import SOCKET_MODE, Role


@pytest.mark.parametrize("unit", ["mynetd.service", "mynetd.socket"])
def test_the_documentation_shows_the_unit_that_is_shipped(root: Path, unit: str) -> None:
    shown = re.search(
        rf"^```ini\n# /etc/systemd/system/{re.escape(unit)}\n(.*?)^```",
        (root / "docs" / "mynetd.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    assert shown
    assert shown[1] == (root / "packaging" / unit).read_text()


def test_the_socket_is_the_default_one_with_the_default_mode(root: Path) -> None:
    unit = (root / "packaging" / "mynetd.socket").read_text()
    settings = dict(re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE))
    assert f"unix://{settings['ListenStream']}" == DEFAULT_LISTEN
    assert int(settings["SocketMode"], 8) == SOCKET_MODE
    assert Role[settings["FileDescriptorName"].upper()] is Role.ADMIN


def test_the_unit_starts_a_command_with_options_that_it_has(
    root: Path, run: Callable[..., str]
) -> None:
    unit = (root / "packaging" / "mynetd.service").read_text()
    command = re.search(r"^ExecStart=/opt/mynet/bin/(mynetd .*)$", unit, re.MULTILINE)
    assert command
    program, *options = command[1].split()
    run(program, *options, "--help")


def test_systemd_finds_no_fault_with_the_unit(root: Path, tmp_path: Path) -> None:
    unit = tmp_path / "mynetd.service"
    text = (root / "packaging" / "mynetd.service").read_text()
    unit.write_text(text.replace("/opt/mynet/bin/mynetd", sys.executable))  # it must exist
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    about_the_unit = [line for line in verified.stdout.splitlines() if "mynetd.service" in line]
    assert about_the_unit == []
    assert verified.returncode == 0, verified.stdout


def test_the_exposure_of_the_unit_is_at_most_4_5(root: Path) -> None:
    done = subprocess.run(
        [
            *("systemd-analyze", "security", "--offline=true", "--threshold=45", "--no-pager"),
            root / "packaging" / "mynetd.service",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
