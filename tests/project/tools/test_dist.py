"""What make dist builds, and the pins with hashes that it contains."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

NAME = "mynetd-0.1.0"


def pins(text: str) -> dict[str, str]:
    """Return the versions of names, which are written in several ways."""
    found = re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def needed(distribution: str) -> Iterator[str]:
    """Yield what a distribution needs to run, directly and indirectly."""
    for line in requires(distribution) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name.lower().replace("_", "-")
            yield from needed(requirement.name)


def test_the_pins_with_hashes_are_those_that_the_tests_use(root: Path) -> None:
    text = (root / "packaging" / "requirements.txt").read_text()
    locked = pins(text)
    tested = pins((root / "constraints.txt").read_text())
    assert locked == {name: tested[name] for name in locked}
    assert set(needed("mynetd")) <= locked.keys()
    blocks = re.split(r"\n(?=\S)", text)[1:]
    assert len(blocks) == len(locked)
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds of the same tree, under another umask and in another time zone."""
    folders = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    for folder, umask, zone in zip(folders, (0o022, 0o077), ("UTC", "Asia/Tokyo"), strict=True):
        environ = {**os.environ, "TZ": zone, "SOURCE_DATE_EPOCH": "1764547200"}
        subprocess.run([root / ".ci/dist", folder], check=True, env=environ, umask=umask)
    return folders


def test_the_same_tree_gives_the_same_files(built: tuple[Path, Path]) -> None:
    one, two = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in built)
    assert sorted(one) == sorted(
        [f"{NAME}-py3-none-any.whl", f"{NAME}.cdx.json", f"{NAME}.tar.gz", "requirements.txt"]
    )
    assert one == two


def test_pip_installs_the_wheel_by_its_hash_and_no_other(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = built[0]
    wheel = folder / f"{NAME}-py3-none-any.whl"
    line = (folder / "requirements.txt").read_text().splitlines()[-1]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert line == f"./{wheel.name} --hash=sha256:{digest}"

    shutil.copy(wheel, tmp_path)

    def install(line: str) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "wheel.txt").write_text(line)
        command = ["pip", "install", "--require-hashes", "--no-deps", "--no-index", "-q"]
        command += ["--target", str(tmp_path / "installed"), "-r", "wheel.txt"]
        return subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)

    refused = install(line.replace(digest, "0" * 64))
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    done = install(line)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "installed/mynet/server/main.py").exists()


def test_the_bill_of_materials_lists_all_that_is_installed(
    built: tuple[Path, Path], root: Path
) -> None:
    bill = json.loads((built[0] / f"{NAME}.cdx.json").read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "mynetd")
    listed = {component["name"]: component["version"] for component in bill["components"]}
    assert listed == pins((root / "packaging" / "requirements.txt").read_text())
    assert all(component["purl"].startswith("pkg:pypi/") for component in bill["components"])
