"""Fixtures of the tests of the project itself: its files, set-up, packages and checks."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def run(root: Path) -> Callable[..., str]:
    """Run a program as the Makefile does, and return its output. If it fails, the test fails."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"

    def run(*command: str | Path, cwd: Path = root) -> str:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout}", pytrace=False)
        return done.stdout

    return run


@pytest.fixture(scope="session")
def our_files(root: Path) -> list[Path]:
    """Every file of the repository. It is found without git, which an unpacked sdist lacks."""
    generated = {".git", ".hypothesis", "build", "dist", "__pycache__"}
    files: list[Path] = []
    for folder, subfolders, names in os.walk(root):
        here = Path(folder)
        subfolders[:] = [
            name
            for name in subfolders
            if name not in generated
            and not name.startswith(".venv")
            and not name.endswith((".egg-info", "_cache"))
            # ruff, mypy, pytest, hypothesis and import-linter mark their caches with it
            and not (here / name / "CACHEDIR.TAG").exists()
        ]
        files += [here / name for name in names if not (here / name).is_symlink()]
    return files
