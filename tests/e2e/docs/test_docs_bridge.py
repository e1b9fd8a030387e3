"""docs/bridge.md: typed as it stands, from top to bottom, it prints what it says."""

from pathlib import Path

from mynet.drivers.bridge.bandwidth import BANDWIDTH_OPTIONS
from mynet.drivers.bridge.endpoint_options import SYSCTLS
from mynet.drivers.bridge.options import OPTIONS
from tests.e2e.support.doc_examples import type_out
from tests.e2e.support.testbed import Testbed
from tests.project.markdown import Page, rows, spans

PATH = Path(__file__).parents[3] / "docs" / "bridge.md"
PAGE = Page(PATH, PATH.read_text())


def test_every_command_prints_what_the_page_says(empty_testbed: Testbed) -> None:
    type_out(PAGE, empty_testbed)


def test_every_option_is_in_the_table_and_has_an_example() -> None:
    table = rows(PAGE.text.partition("| option |")[2].partition("\n## ")[0])
    names = {option.name for option in OPTIONS}
    in_links = "".join(table).replace("[", " ").replace("]", " ")
    assert set(spans(in_links)) == names
    typed = " ".join(command for command, _ in PAGE.transcript())
    assert {name for name in names if f"-o {name}=" not in typed} == set()


def test_every_limit_is_in_a_table_and_has_an_example() -> None:
    names = {option.name for option in BANDWIDTH_OPTIONS}
    assert {key.strip("`") for key in rows(PAGE.section("Bandwidth"))} - {"option"} == names
    typed = " ".join(command for command, _ in PAGE.transcript())
    assert {name for name in names if f"-o {name}=" not in typed} == set()


def test_the_table_of_sysctls_is_the_list_that_the_driver_has() -> None:
    table = rows(PAGE.text.partition("| sysctl |")[2].partition("\n## ")[0])
    listed = {
        f"`{each.name}`": f" {each.values[0]} to {each.values[-1]} | {each.decides} "
        for each in SYSCTLS
    }
    assert {key: cells for key, cells in table.items() if key.startswith("`net.")} == listed
