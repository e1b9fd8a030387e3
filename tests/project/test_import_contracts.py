"""The contracts of import-linter in pyproject.toml: what they cover, and that they refuse."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOMS = ("server", "drivers", "ipam", "cli")


@pytest.fixture(scope="module")
def layers(root: Path) -> dict[str, list[str]]:
    """The layers of each folder that has a contract, from the top down."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    return {
        container: contract["layers"]
        for contract in contracts["contracts"]
        if contract["type"] == "layers"
        for container in contract["containers"]
        if contract["exhaustive"]
    }


def first(layer: str) -> str:
    """The first of the modules that a layer lists."""
    return re.split(r" [|:] ", layer)[0]


def file_of(sources: Path, folder: str, module: str) -> Path:
    path = sources.joinpath(*folder.split(".")[1:], module)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


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
    for name in (*ROOMS, "proto", "src"):
        shutil.copytree(
            root / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(root / "pyproject.toml", copy)
    return copy


def test_a_wrong_import_in_a_folder_breaks_its_contract(
    sources: Path, layers: dict[str, list[str]]
) -> None:
    for folder, (top, *_, bottom) in layers.items():
        with file_of(sources, folder, first(bottom)).open("a") as file:
            file.write(f"\n\ndef wrong() -> None:\n    import {folder}.{first(top)}\n")
    verdicts = re.findall(r"^(The \w+ of \S+/) (KEPT|BROKEN)$", lint_imports(sources), re.MULTILINE)
    assert len(verdicts) == len(layers)
    assert {verdict for _, verdict in verdicts} == {"BROKEN"}, verdicts
