"""The first five minutes of the README, run as they are."""

import re
from pathlib import Path

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.testbed import Testbed

ROOT = Path(__file__).parents[3]


def blocks() -> list[str]:
    """Return the code blocks of the section."""
    readme = (ROOT / "README.md").read_text()
    section = re.search(r"^## The first five minutes\n(.*?)^## ", readme, re.DOTALL | re.MULTILINE)
    assert section
    return re.findall(r"^```sh\n(.*?)^```$", section[1], re.DOTALL | re.MULTILINE)


def test_make_run_starts_mynetd_without_options(testbed: Testbed) -> None:
    assert blocks()[0] == "make run\n"
    shown = testbed.run("make", "--directory", str(ROOT), "--no-print-directory", "-n", "run")
    assert [line.split() for line in shown.splitlines()] == [[".ci/setup"], [".venv/bin/mynetd"]]


def test_the_first_five_minutes_work_as_written(daemon: Daemon) -> None:
    before = daemon.testbed.state()
    script = f"cd '{ROOT}'\n" + "".join(blocks()[1:])
    printed = daemon.testbed.run("sh", "-euc", script)
    assert printed.count(" 0% packet loss") == 3
    assert '"address": "10.9.0.1"' in printed
    assert daemon.testbed.state() == before
