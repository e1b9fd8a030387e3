"""docs/ipam.md: typed as it stands, from top to bottom, it prints what it says."""

import re
from pathlib import Path

from mynet.v1 import ipam_pb2
from tests.e2e.support.doc_examples import type_out
from tests.e2e.support.testbed import Testbed
from tests.project.markdown import Page

PATH = Path(__file__).parents[3] / "docs" / "ipam.md"
PAGE = Page(PATH, PATH.read_text())


def test_every_command_prints_what_the_page_says(empty_testbed: Testbed) -> None:
    type_out(PAGE, empty_testbed)


def test_every_verb_of_the_address_book_is_shown() -> None:
    shown = set(re.findall(r"mynet\.v1\.IPAMService/(\w+)", PAGE.text))
    service = ipam_pb2.DESCRIPTOR.services_by_name["IPAMService"]
    assert shown == {method.name for method in service.methods}
