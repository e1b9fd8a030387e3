"""docs/errors.md: typed as it stands, it prints what it says."""

from pathlib import Path

from tests.e2e.support.doc_examples import type_out
from tests.e2e.support.testbed import Testbed
from tests.project.markdown import Page

PATH = Path(__file__).parents[3] / "docs" / "errors.md"


def test_every_command_prints_what_the_page_says(empty_testbed: Testbed) -> None:
    type_out(Page(PATH, PATH.read_text()), empty_testbed)
