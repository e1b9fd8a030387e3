"""docs/bridge.md: its commands, from top to bottom, print the output on the page."""

from pathlib import Path

from mynet.drivers.bridge.options.bandwidth import BANDWIDTH_OPTIONS
from mynet.drivers.bridge.options.networks import OPTIONS
from mynet.drivers.bridge.options.sysctls import SYSCTLS
from tests.e2e.support.doc_examples import type_out
from tests.e2e.support.testbed import Testbed
from tests.project.docs.markdown import Page, rows, spans

PATH = Path(__file__).parents[3] / "docs" / "bridge.md"
PAGE = Page(PATH, PATH.read_text())


def test_every_command_prints_the_output_on_the_page(empty_testbed: Testbed) -> None:
    type_out(PAGE, empty_testbed)


def test_every_option_is_in_the_table_and_has_an_example() -> None:
    table = rows(PAGE.text.partition("| option |")[2].partition("\n## ")[0])
    names = {option.name for option in OPTIONS}
    in_links = "".join(table).replace("[", " ").replace("]", " ")
    assert set(spans(in_links)) == names
    typed = " ".join(command for command, _ in PAGE.transcript())
    assert {name for name in names if f"-o {name}=" not in typed} == set()


def test_every_bandwidth_option_is_in_a_table_and_has_an_example() -> None:
    names = {option.name for option in BANDWIDTH_OPTIONS}
    assert {key.strip("`") for key in rows(PAGE.section("Bandwidth"))} - {"option"} == names
    typed = " ".join(command for command, _ in PAGE.transcript())
    assert {name for name in names if f"-o {name}=" not in typed} == set()


def test_the_table_of_sysctls_is_the_driver_s_list() -> None:
    table = rows(PAGE.text.partition("| sysctl |")[2].partition("\n## ")[0])
    listed = {
        f"`{name}`": f" {values[0]} to {values[-1]} | {decides} "
        for name, (values, decides) in SYSCTLS.items()
    }
    assert {key: cells for key, cells in table.items() if key.startswith("`net.")} == listed
