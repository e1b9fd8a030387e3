""".ci/test-matrix, with fakes of make and of the Pythons."""

import subprocess
from pathlib import Path


def test_each_installed_python_runs_the_tests_and_the_others_are_named(
    root: Path, tmp_path: Path
) -> None:
    def program(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    program("python3.11", "exit 0")
    program("python3.12", "exit 0")
    for missing in ("python3.13", "python3.14"):
        program(missing, "exit 127")  # as a shim of pyenv does whose Python is not installed
    program("make", 'echo "$@"; [ "$2" != PYTHON=python3.11 ]')
    done = subprocess.run(
        [root / ".ci" / "test-matrix", "tests/ipam", "-x"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "test PYTHON=python3.11 ARGS=tests/ipam -x",
        "test PYTHON=python3.12 ARGS=tests/ipam -x",
        "",
        "python3.11: failed",
        "python3.12: passed",
        "python3.13: not installed",
        "python3.14: not installed",
    ]
