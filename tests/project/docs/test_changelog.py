"""The fragments in changelog.d, of which a release makes its section of CHANGELOG.md."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

TYPES = ("added", "changed", "deprecated", "removed", "fixed", "security")


def test_a_release_moves_the_fragments_into_the_changelog(
    root: Path, run: Callable[..., str], tmp_path: Path
) -> None:
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(root / name, tmp_path)
    fragments = tmp_path / "changelog.d"
    fragments.mkdir()
    (fragments / "README.md").touch()
    (fragments / "+ports.added.md").write_text("Ports have names.\n")
    (fragments / "+refusal.fixed.md").write_text("A refusal names the port.\n")
    run("git", "init", "-q", cwd=tmp_path)
    run("git", "add", ".", cwd=tmp_path)
    run("towncrier", "build", "--yes", "--version=1.2.3", "--date=2026-12-01", cwd=tmp_path)
    section = (
        "<!-- releases -->\n\n"
        "## [1.2.3] 2026-12-01\n\n"
        "### Added\n\n- Ports have names.\n\n"
        "### Fixed\n\n- A refusal names the port.\n"
    )
    before = (root / "CHANGELOG.md").read_text()
    head, _, earlier = before.partition("<!-- releases -->\n")
    written = (tmp_path / "CHANGELOG.md").read_text()
    assert written.startswith(head + section)
    assert written.endswith(earlier)
    assert [path.name for path in fragments.iterdir()] == ["README.md"]


def test_each_fragment_is_of_a_type_that_a_release_shows(root: Path) -> None:
    names = {path.name for path in (root / "changelog.d").iterdir()} - {"README.md"}
    pattern = re.compile(rf"\+[a-z0-9-]+\.({'|'.join(TYPES)})\.md")
    assert {name for name in names if not pattern.fullmatch(name)} == set()
