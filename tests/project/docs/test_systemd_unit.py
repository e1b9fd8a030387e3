"""packaging/mynetd.service, the unit that docs/mynetd.md shows."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def test_the_documentation_shows_the_unit_that_is_shipped(root: Path) -> None:
    shown = re.search(
        r"^```ini\n# /etc/systemd/system/mynetd\.service\n(.*?)^```",
        (root / "docs" / "mynetd.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    assert shown
    assert shown[1] == (root / "packaging" / "mynetd.service").read_text()


def test_the_unit_starts_a_command_with_options_that_it_has(
    root: Path, run: Callable[..., str]
) -> None:
    unit = (root / "packaging" / "mynetd.service").read_text()
    command = re.search(r"^ExecStart=/opt/mynet/bin/(mynetd .*)$", unit, re.MULTILINE)
    assert command
    program, *options = command[1].split()
    run(program, *options, "--help")


def test_systemd_finds_no_fault_with_the_unit(root: Path, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        return  # The host has no systemd: the tests above are what can be known.
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
