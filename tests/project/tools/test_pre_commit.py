""".pre-commit-config.yaml: its hooks run the project's own tools."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def repository(root: Path, tmp_path: Path) -> Path:
    """A repository with the hooks, their programs and nothing else."""
    for name in (".pre-commit-config.yaml", "pyproject.toml", ".ci/check-prose"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    (tmp_path / ".git" / "info").mkdir(parents=True)
    (tmp_path / ".git" / "info" / "exclude").write_text(".venv\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def failed_hooks(repository: Path) -> set[str]:
    subprocess.run(["git", "-C", repository, "add", "."], check=True)
    shown = subprocess.run(
        [repository / ".venv" / "bin" / "pre-commit", "run", "--all-files", "--color=never"],
        cwd=repository,
        env={**os.environ, "PRE_COMMIT_HOME": str(repository / ".git" / "pre-commit")},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    verdicts = [line.rsplit(".", 1) for line in shown.splitlines() if "....." in line]
    assert len(verdicts) == 3, shown
    return {name.rstrip(".") for name, verdict in verdicts if verdict != "Passed"}


@pytest.mark.parametrize(
    ("code", "hook"),
    [
        ('"""Import what is not used."""\n\nimport os\n', "ruff check"),
        ('"""Add."""\n\nTWO = 1+1\n', "ruff format"),
        # In two parts, so that check-prose does not find the habit in this file.
        ('"""Be quiet."""\n\nTWO = 1 + 1  # be ' + "it so\n", "check-prose"),
    ],
)
def test_a_hook_refuses_what_make_check_would(repository: Path, code: str, hook: str) -> None:
    folder = repository / "ipam"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""A package."""\n')
    (folder / "module.py").write_text(code)
    assert failed_hooks(repository) == {hook}


def test_a_clean_commit_passes(repository: Path) -> None:
    (repository / "README.md").write_text("# Clean\n")
    (repository / "ipam").mkdir()
    (repository / "ipam" / "__init__.py").write_text('"""A package."""\n')
    assert failed_hooks(repository) == set()
