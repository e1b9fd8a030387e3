"""docs/audit.md: its commands print the output on the page, and its rotation loses no line."""

from pathlib import Path

from tests.e2e.support.daemon import Daemon
from tests.e2e.support.doc_examples import type_commands
from tests.e2e.support.testbed import Testbed
from tests.project.docs.markdown import Page

PATH = Path(__file__).parents[3] / "docs" / "audit.md"
PAGE = Page(PATH, PATH.read_text())


def test_every_console_prints_the_output_on_the_page(empty_testbed: Testbed) -> None:
    empty_testbed.shield("/var/log")
    command = PAGE.blocks("sh")[0].split()
    daemon = Daemon(empty_testbed, *command[1:])
    type_commands(PAGE, empty_testbed)
    daemon.stop()
