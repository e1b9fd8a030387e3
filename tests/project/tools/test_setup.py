""".ci/setup, with a fake Python: what it does, when, and what it prints."""

import shutil
import subprocess
from pathlib import Path

import pytest

FAKE_PYTHON = """#!/bin/sh
# Answer as a Python does that .ci/setup calls, and record the calls of pip.
case "$*" in
    *version_info\\[*) echo 3.11 ;;
    *version_info*) echo "$0" ;;
    *ensurepip*) ;;
    "-m venv .venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    *pip*install*) echo "$*" >>pip-calls; [ ! -e pip-fails ] ;;
    *) exit 2 ;;
esac
"""


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    clone = tmp_path / "a clone"
    (clone / ".ci").mkdir(parents=True)
    for name in (".ci/setup", "pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, clone / name)
    return clone


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A fake of the system's Python, and of the programs that set-up looks for."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("python3", "ip", "nft", "ping", "iperf3", "openssl"):
        (programs / name).write_text(FAKE_PYTHON)
        (programs / name).chmod(0o755)
    return programs / "python3"


def set_up(
    clone: Path,
    python: Path,
    *extra: str,
    status: int = 0,
    path: str = "/usr/bin:/bin",
    venv: str = "",
) -> str:
    done = subprocess.run(
        [clone / ".ci" / "setup", *extra],
        env={"PATH": f"{python.parent}:{path}", "PYTHON": str(python), "VENV": venv},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def pip_calls(clone: Path) -> int:
    calls = clone / "pip-calls"
    return len(calls.read_text().splitlines()) if calls.exists() else 0


def test_a_second_set_up_does_nothing_and_says_nothing(clone: Path, python: Path) -> None:
    assert "Making .venv" in set_up(clone, python, "dev")
    assert set_up(clone, python, "dev") == ""
    assert pip_calls(clone) == 1


def test_the_set_up_for_tests_is_also_the_one_for_running(clone: Path, python: Path) -> None:
    set_up(clone, python, "dev")
    assert set_up(clone, python) == ""


def test_the_set_up_for_running_is_not_the_one_for_tests(clone: Path, python: Path) -> None:
    set_up(clone, python)
    assert "Installing mynet[tools,dev]" in set_up(clone, python, "dev")


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_pin_is_installed_over_the_present_venv(
    clone: Path, python: Path, name: str
) -> None:
    set_up(clone, python)
    with (clone / name).open("a") as file:
        file.write("# changed\n")
    assert "Making .venv" not in set_up(clone, python)
    assert pip_calls(clone) == 2


def test_a_moved_clone_gets_a_new_venv(clone: Path, python: Path) -> None:
    set_up(clone, python)
    moved = clone.rename(clone.with_name("moved"))
    assert "Making .venv" in set_up(moved, python)


def test_a_venv_whose_python_is_gone_is_replaced(clone: Path, python: Path) -> None:
    set_up(clone, python)
    (clone / ".venv" / "bin" / "python").unlink()
    assert "Making .venv" in set_up(clone, python)


def test_each_version_of_python_has_a_venv_that_stays(clone: Path, python: Path) -> None:
    set_up(clone, python)
    assert "Making .venv-3.13" in set_up(clone, python, venv=".venv-3.13")
    assert set_up(clone, python) == ""
    assert set_up(clone, python, venv=".venv-3.13") == ""


def test_make_has_everything_in_the_venv_of_the_python_that_it_is_given(
    root: Path, python: Path
) -> None:
    def commands(*settings: str) -> str:
        return subprocess.run(
            ["make", "--dry-run", "check", *settings],
            cwd=root,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    python.write_text("#!/bin/sh\necho 3.13\n")
    in_default = commands()
    assert in_default.count(".venv/bin/") == 4
    assert commands(f"PYTHON={python}") == in_default.replace(".venv/", ".venv-3.13/")


def test_after_an_interrupted_set_up_the_next_one_starts_again(clone: Path, python: Path) -> None:
    set_up(clone, python)
    (clone / "pip-fails").touch()
    assert "call make again" in set_up(clone, python, "dev", status=1)
    (clone / "pip-fails").unlink()
    assert "Making .venv" in set_up(clone, python)


def test_without_a_new_enough_python_it_names_the_version_needed(clone: Path, python: Path) -> None:
    python.write_text("#!/bin/sh\nexit 1\n")
    said = set_up(clone, python, status=1)
    assert "Python 3.11 or newer" in said
    assert str(python) in said


def test_an_ordinary_user_is_told_the_missing_packages(clone: Path, python: Path) -> None:
    python.write_text(FAKE_PYTHON.replace("*ensurepip*) ;;", "*ensurepip*) exit 1 ;;"))
    for name in ("cat", "cksum", "dirname", "flock", "id"):  # ... and no apt-get
        (python.parent / name).symlink_to(shutil.which(name) or name)
    said = set_up(clone, python, status=1, path="/nowhere")
    assert "sudo apt-get install python3.11-venv" in said
    assert not (clone / ".venv").exists()
