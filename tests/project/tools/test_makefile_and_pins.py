"""Claims of README.md and docs/dependencies.md about the project."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest


@pytest.mark.parametrize("target", ["demo", "test", "run", "check"])
def test_the_commands_in_the_readme_are_targets_of_the_makefile(root: Path, target: str) -> None:
    assert re.search(rf"^{target}:.* ## ", (root / "Makefile").read_text(), re.MULTILINE)
    assert re.search(rf"\bmake {target}\b", (root / "README.md").read_text())


def test_each_dependency_has_one_line_with_its_purpose(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = [re.match(r"[A-Za-z0-9._-]+", requirement) for requirement in needed]
    documented = re.findall(
        r"^- `([^`]+)`: \S", (root / "docs" / "dependencies.md").read_text(), re.MULTILINE
    )
    assert sorted(documented) == sorted(name[0] for name in names if name)


def test_each_dependency_is_pinned_for_the_set_up(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    pins = (root / "constraints.txt").read_text().replace("_", "-")
    pinned = set(re.findall(r"^([^#=]+)==", pins, re.MULTILINE))
    names = {re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in needed}
    assert names - pinned == set()
