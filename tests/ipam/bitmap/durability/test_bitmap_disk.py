"""A file system that is full or read-only: a small tmpfs in a mount namespace."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ipam.support.full_disk import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_backend_survives(scenario: str, tmp_path: Path, root: Path) -> None:
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            sys.executable,
            "-m",
            "tests.ipam.support.full_disk",
            tmp_path,
            scenario,
        ],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert not list(tmp_path.iterdir()), "it was not mounted in a namespace of its own"
