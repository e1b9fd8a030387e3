"""The man pages, which are generated from the commands and options."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

PAGES = ("mynetctl.1", "mynetd.8")


def test_the_committed_man_pages_are_those_of_the_options(
    root: Path, run: Callable[..., str], tmp_path: Path
) -> None:
    run("python", root / ".ci" / "man", tmp_path)
    for page in PAGES:
        committed = (root / "docs" / "man" / page).read_text()
        assert committed == (tmp_path / page).read_text(), "run make man"


@pytest.mark.parametrize("page", PAGES)
def test_a_man_page_has_no_text_that_roff_takes_for_a_macro(root: Path, page: str) -> None:
    text = (root / "docs" / "man" / page).read_text()
    macros = set(re.findall(r"^[.'](\w*)", text, re.MULTILINE))
    assert macros <= {"TH", "ad", "SH", "SS", "PP", "TP", "nf", "fi"}
