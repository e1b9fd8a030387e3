"""docs/ipam.md: its commands, from top to bottom, print the output on the page."""

import re
from pathlib import Path

from mynet.v1 import ipam_pb2
from tests.e2e.support.doc_examples import type_out
from tests.e2e.support.testbed import Testbed
from tests.project.docs.markdown import Page

PATH = Path(__file__).parents[3] / "docs" / "ipam.md"
PAGE = Page(PATH, PATH.read_text())


def test_every_command_prints_the_output_on_the_page(empty_testbed: Testbed) -> None:
    type_out(PAGE, empty_testbed)


def test_every_method_of_the_ipam_service_has_an_example() -> None:
    shown = set(re.findall(r"mynet\.v1\.IPAMService/(\w+)", PAGE.text))
    service = ipam_pb2.DESCRIPTOR.services_by_name["IPAMService"]
    assert shown == {method.name for method in service.methods}
