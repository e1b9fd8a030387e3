"""The documentation of plugins: the READMEs of the built-in ones, and the guide."""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from mynet.drivers.api import Driver, DriverInfo
from mynet.server.plugins.catalog import DRIVERS
from mynet.server.plugins.loading import load_plugins
from tests.project.docs.markdown import Page, rows, spans

HEADINGS = ["Name", "Description", "Options", "State it owns", "Examples"]
BUILT_IN = ["drivers/bridge", "ipam/bitmap"]
EXAMPLE = Path("examples/mynet-driver-noop")


@pytest.fixture(scope="module")
def guide(root: Path) -> Page:
    path = root / "docs" / "plugins.md"
    return Page(path, path.read_text())


@pytest.fixture(scope="module")
def example(root: Path) -> ast.Module:
    path = root / EXAMPLE / "src" / "mynet_driver_noop" / "__init__.py"
    return ast.parse(path.read_text())


def readme(root: Path, folder: str) -> Page:
    path = root / folder / "README.md"
    return Page(path, path.read_text())


def code(guide: Page) -> Iterator[ast.stmt]:
    """Yield every statement of the Python code in the guide."""
    for block in guide.blocks("python"):
        yield from ast.parse(block).body


# --- the built-in ones ------------------------------------------------------------------------


def test_the_list_of_built_in_plugins_is_complete(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    modules = [module for group in project["entry-points"].values() for module in group.values()]
    folders = [module.removeprefix("mynet.").replace(".", "/") for module in modules]
    assert sorted(folders) == BUILT_IN


@pytest.mark.parametrize("folder", BUILT_IN)
def test_a_plugin_s_readme_has_the_standard_headings(root: Path, folder: str) -> None:
    page = readme(root, folder)
    assert [title for title in page.headings() if title in HEADINGS] == HEADINGS
    assert spans(page.section("Name"))[0] == folder.rpartition("/")[2]


def test_a_driver_s_readme_has_its_options(root: Path, tmp_path: Path) -> None:
    catalog = load_plugins(DRIVERS, "test", tmp_path)
    try:
        infos = {plugin.name: plugin.implementation.info for plugin in catalog.usable()}
    finally:
        catalog.close(1)
    for folder in BUILT_IN:
        kind, _, name = folder.partition("/")
        info: DriverInfo | None = infos.get(name) if kind == "drivers" else None
        declared = [*info.options, *info.endpoint_options] if info else []
        table = rows(readme(root, folder).section("Options"))
        documented = {span for cell in table for span in spans(cell)}
        assert documented == {option.name for option in declared}


# --- docs/plugins.md --------------------------------------------------------------------------


def test_the_python_in_the_guide_is_valid(guide: Page) -> None:
    assert len(guide.blocks("python")) >= 3
    assert list(code(guide)) != []


def test_the_imports_in_the_guide_exist(guide: Page) -> None:
    imports = [node for node in code(guide) if isinstance(node, ast.ImportFrom)]
    assert len(imports) >= 3
    for node in imports:
        module = import_module(node.module or "")
        assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_entry_point_in_the_guide_is_the_example_s(guide: Page, root: Path) -> None:
    (block,) = guide.blocks("toml")
    shown = tomllib.loads(block)
    project = tomllib.loads((root / EXAMPLE / "pyproject.toml").read_text())["project"]
    assert shown.keys() == {"project"}
    assert {key: project[key] for key in shown["project"]} == shown["project"]


def function(name: str, statements: Any) -> str:
    """Return the source of a function without its docstring."""
    (definition,) = [
        node for node in statements if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    if ast.get_docstring(definition):
        del definition.body[0]
    return "\n".join(
        ast.unparse(node)
        for node in [*definition.decorator_list, definition.args, *definition.body]
    )


def test_the_hook_in_the_guide_is_the_example_s(guide: Page, example: ast.Module) -> None:
    assert function("mynet_driver", code(guide)) == function("mynet_driver", example.body)


def test_the_test_in_the_guide_is_the_example_s(guide: Page, root: Path) -> None:
    name = "test_the_driver_keeps_the_contract"
    theirs = ast.parse((root / EXAMPLE / "tests" / "test_contract.py").read_text())
    shown = function(name, code(guide)).replace("tmp_path", "tmp_path: Path", 1)
    assert shown == function(name, theirs.body)


def test_the_options_in_the_guide_are_the_example_s(guide: Page, example: ast.Module) -> None:
    def constants(statements: Any) -> list[object]:
        """Return the name of the driver, and the name and the description of its option."""
        calls = [
            call
            for statement in statements
            for call in ast.walk(statement)
            if isinstance(call, ast.Call) and ast.unparse(call.func) in {"DriverInfo", "Option"}
        ]
        values = [*calls[0].keywords[0:1], *calls[1].args[:2]]
        return [ast.unparse(value) for value in values]

    assert constants(code(guide)) == constants(example.body)
    assert len(constants(example.body)) == 3


def test_the_guide_lists_the_required_verbs_of_a_driver(guide: Page) -> None:
    section = guide.section("3. The driver")
    listed = {span.partition("(")[0] for cell in rows(section) for span in spans(cell)}
    assert listed == Driver.__abstractmethods__ - {"info"}
    optional = {"restore", "update", "close"}
    assert optional <= {span.partition("(")[0] for span in spans(section)}
    assert re.search(r"Five are required", section)
    assert len(listed) == 5
