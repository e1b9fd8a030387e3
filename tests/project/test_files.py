"""What no file of the repository may contain."""

import re
from pathlib import Path

SHIPPED = ("server", "drivers", "ipam", "cli", "proto", "examples", ".ci", "Makefile")
ANYWHERE = ("", "home", "mnt", "opt", "root", "srv", "tmp", "usr", "var")


def lines_with(pattern: str, files: list[Path]) -> list[str]:
    search = re.compile(pattern).search
    return [
        f"{path}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if search(line)
    ]


def test_no_file_contains_a_path_of_its_author_s_machine(root: Path, our_files: list[Path]) -> None:
    # The folder around the checkout belongs to the machine too, unless every machine has it.
    of_this_machine = root if root.parent.name in ANYWHERE else root.parent
    pattern = f"{re.escape(str(of_this_machine))}/|/(home|Users)/[a-z]+/"
    assert lines_with(pattern, our_files) == []


def test_no_file_names_a_package_registry(our_files: list[Path]) -> None:
    registries = r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org"
    assert lines_with(registries, our_files) == []


def test_what_is_shipped_is_finished(root: Path, our_files: list[Path]) -> None:
    generated = root / "proto" / "gen"
    shipped = [
        path
        for path in our_files
        if path.relative_to(root).parts[0] in SHIPPED and not path.is_relative_to(generated)
    ]
    assert lines_with(r"\b(TODO|FIXME|XXX)\b|NotImplementedError", shipped) == []
