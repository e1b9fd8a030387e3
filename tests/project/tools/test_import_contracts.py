"""The contracts in .importlinter: every folder has one, and each refuses a wrong import."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

PACKAGES = ("server", "drivers", "ipam", "cli")


@pytest.fixture(scope="module")
def modules(root: Path) -> dict[str, list[str]]:
    """The modules of each folder that has an exhaustive contract, the highest layer first."""
    config = ConfigParser()
    config.read(root / ".importlinter")
    return {
        config[section]["containers"]: re.findall(r"\w+", config[section]["layers"])
        for section in config.sections()
        if config[section].get("type") == "layers" and config[section].getboolean("exhaustive")
    }


def lint_imports(folder: Path) -> str:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout


@pytest.fixture(scope="module")
def sources(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages, to put wrong imports into."""
    copy = tmp_path_factory.mktemp("sources")
    for name in (*PACKAGES, "proto", "src"):
        shutil.copytree(
            root / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(root / ".importlinter", copy)
    return copy


def test_each_folder_with_more_than_two_modules_has_a_contract(
    root: Path, modules: dict[str, list[str]]
) -> None:
    folders = {
        ".".join(("mynet", *init.parent.relative_to(root).parts))
        for package in PACKAGES
        for init in (root / package).rglob("__init__.py")
        if len([*init.parent.glob("*.py"), *init.parent.glob("*/__init__.py")]) - 1 > 2
    }
    assert folders == modules.keys()


def test_a_wrong_import_in_a_folder_breaks_its_contract(
    sources: Path, modules: dict[str, list[str]]
) -> None:
    for folder, (highest, *_, lowest) in modules.items():
        path = sources.joinpath(*folder.split(".")[1:], lowest)
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        with file.open("a") as source:
            source.write(f"\n\ndef wrong() -> None:\n    import {folder}.{highest}\n")
    verdicts = re.findall(r"^Layers of (\S+)/ (\w+)$", lint_imports(sources), re.MULTILINE)
    assert dict(verdicts) == {
        folder.removeprefix("mynet.").replace(".", "/"): "BROKEN" for folder in modules
    }
