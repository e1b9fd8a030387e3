"""docs/firewalls.md: its commands, from top to bottom, print the output on the page."""

from pathlib import Path

from tests.e2e.support.doc_examples import type_out
from tests.e2e.support.testbed import Testbed
from tests.project.docs.markdown import Page

PATH = Path(__file__).parents[3] / "docs" / "firewalls.md"


def test_every_command_prints_the_output_on_the_page(empty_testbed: Testbed) -> None:
    empty_testbed.run("sysctl", "-w", "net.bridge.bridge-nf-call-iptables=0")
    type_out(Page(PATH, PATH.read_text()), empty_testbed)
