"""Finding plugins: real distributions on the path, broken in many ways."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mynet.drivers.api import Driver
from mynet.ipam.api import Backend
from mynet.ipam.errors import StoreDamaged, StoreUnavailable
from mynet.server.errors import BackendNotFound, DriverNotFound
from mynet.server.plugins.catalog import BACKENDS, DRIVERS, Catalog, CatalogEntry
from mynet.server.plugins.loading import load_plugins

HEAD = """
from mynet.drivers.api import Driver, DriverInfo
from mynet.drivers.hookspecs import hookimpl

class Paper(Driver):
    context = None
    info = DriverInfo({info})
    create = delete = connect = disconnect = check = lambda self, call, request: None
"""
HOOK = """
@hookimpl
def mynet_driver(context):
    made = Paper()
    made.context = context
    return made
"""
Install = Callable[..., None]
Load = Callable[[], Catalog[Driver]]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution of one module, with an entry point for it."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(
        module: str, code: str = HEAD + HOOK, *, name: str = "paper", info: str = "'paper'"
    ) -> None:
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code).replace("{info}", info))
        dist = tmp_path / f"{module}-1.2.dist-info"
        dist.mkdir()
        (dist / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
        (dist / "entry_points.txt").write_text(f"[mynet.drivers]\n{name} = {module}\n")

    return install


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    loaded: list[Catalog[Driver]] = []

    def load() -> Catalog[Driver]:
        loaded.append(load_plugins(DRIVERS, "0123", tmp_path / "state"))
        return loaded[-1]

    yield load
    assert all(catalog.close(5) for catalog in loaded)


def listing(catalog: Catalog[Driver], name: str = "paper") -> CatalogEntry[Driver]:
    [found] = [each for each in catalog if each.name == name]
    return found


def test_built_in_plugins_have_entry_points_too(load: Load, tmp_path: Path) -> None:
    bridge = listing(load(), "bridge")
    assert (bridge.distribution, bridge.error) == ("mynetd", "")
    backends = load_plugins(BACKENDS, "0123", tmp_path / "ipam")
    assert [each.name for each in backends if each.distribution == "mynetd"] == ["bitmap"]
    assert backends.close(5)


def test_a_plugin_of_another_distribution_is_loaded(
    install: Install, load: Load, tmp_path: Path
) -> None:
    install("mynet_paper")
    catalog = load()
    found = listing(catalog)
    assert (found.distribution, found.version, found.error) == ("mynet_paper", "1.2", "")
    plugin = catalog.get("paper")
    assert plugin.implementation.info.name == "paper"
    context = getattr(plugin.implementation, "context")  # noqa: B009 - the sample's own
    assert context.instance == "0123"
    assert context.state_dir == tmp_path / "state" / "paper"
    assert context.state_dir.stat().st_mode & 0o777 == 0o700


BROKEN = {
    "an import that fails": ("import no_such_module", "ModuleNotFoundError"),
    "a syntax error": ("def", "SyntaxError"),
    "an exit while it is imported": ("raise SystemExit(3)", "SystemExit: 3"),
    "a hook that raises": (
        HEAD + "@hookimpl\ndef mynet_driver(context):\n    raise ValueError('no rope')",
        "ValueError: no rope",
    ),
    "a hook that exits": (
        HEAD + "@hookimpl\ndef mynet_driver(context):\n    raise SystemExit(3)",
        "SystemExit: 3",
    ),
    "no hook": (HEAD, "TypeError: its hook mynet_driver returned None"),
    "a hook without its mark": (
        HEAD + "def mynet_driver(context):\n    return Paper()",
        "TypeError: its hook mynet_driver returned None",
    ),
    "a hook with another argument": (
        HEAD + "@hookimpl\ndef mynet_driver(kernel):\n    return Paper()",
        "PluginValidationError",
    ),
    "a hook of another type": (
        HEAD + "@hookimpl\ndef mynet_driver(context):\n    return 'paper'",
        "TypeError: its hook mynet_driver returned 'paper', which is not a driver",
    ),
    "a driver that lacks a verb": (
        HEAD.replace("create = delete = ", "delete = ") + HOOK,
        "TypeError: Can't instantiate abstract class Paper",
    ),
    "another name": (
        (HEAD + HOOK).replace("{info}", "'scissors'"),
        "ValueError: it calls itself 'scissors'",
    ),
    "another version of the contract": (
        (HEAD + HOOK).replace("{info}", "'paper', api_version=2"),
        "ValueError: it was written for version 2 of the contract",
    ),
}


@pytest.mark.parametrize(("code", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_refused_with_its_reason_and_others_are_loaded(
    install: Install, load: Load, code: str, reason: str
) -> None:
    install("mynet_paper", code)
    install("mynet_stone", name="stone", info="'stone'")
    catalog = load()
    assert reason in listing(catalog).error
    assert listing(catalog).plugin is None
    assert catalog.get("stone")
    assert catalog.get("bridge")
    with pytest.raises(DriverNotFound, match="was refused at start"):
        catalog.get("paper")


def test_of_two_plugins_with_one_name_the_second_is_refused(install: Install, load: Load) -> None:
    install("mynet_paper_a")
    install("mynet_paper_b")
    first, second = [each for each in load() if each.name == "paper"]
    assert (first.distribution, first.error) == ("mynet_paper_a", "")
    assert "'paper' is taken by mynet_paper_a" in second.error


def test_the_name_of_a_built_in_plugin_is_not_taken_by_others(install: Install, load: Load) -> None:
    install("a_bridge", name="bridge", info="'bridge'")
    catalog = load()
    refused, built_in = sorted(
        (each for each in catalog if each.name == "bridge"), key=lambda each: each.distribution
    )
    assert built_in.plugin is catalog.get("bridge")
    assert (built_in.distribution, refused.distribution) == ("mynetd", "a_bridge")
    assert "taken by mynetd" in refused.error


def test_the_error_for_a_missing_driver_names_the_existing_ones(load: Load) -> None:
    with pytest.raises(DriverNotFound, match=r"there is no driver lost .*there is: bridge"):
        load().get("lost")


def test_a_backend_with_a_damaged_file_prevents_the_start(tmp_path: Path) -> None:
    database = tmp_path / "bitmap" / "bitmap.db"
    database.parent.mkdir()
    database.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreDamaged, match=r"bitmap\.db"):
        load_plugins(BACKENDS, "0123", tmp_path)
    assert database.read_bytes() == b"this is no database" * 100


def test_a_backend_whose_file_another_process_has_prevents_the_start(tmp_path: Path) -> None:
    first = load_plugins(BACKENDS, "0123", tmp_path)
    with pytest.raises(StoreUnavailable, match=r"bitmap\.db is in use"):
        load_plugins(BACKENDS, "0123", tmp_path)
    assert first.close(5)


def test_a_plugin_is_closed_after_its_verbs_have_ended(install: Install, load: Load) -> None:
    install("mynet_paper", HEAD + "    def close(self):\n        self.context = 'closed'\n" + HOOK)
    catalog = load()
    made = catalog.get("paper").implementation
    assert catalog.close(5)
    assert getattr(made, "context") == "closed"  # noqa: B009 - the sample's own


@pytest.mark.parametrize(
    ("body", "in_time"),
    [("WAIT.wait()", False), ("raise ValueError('no')", True), ("raise SystemExit", True)],
    ids=["hangs", "raises", "exits"],
)
def test_a_plugin_that_breaks_when_it_is_closed_does_not_block_others(
    install: Install, tmp_path: Path, body: str, *, in_time: bool
) -> None:
    begun = "import threading\nWAIT = threading.Event()\n"
    install("mynet_paper", f"{begun}{HEAD}    def close(self):\n        {body}\n{HOOK}")
    catalog = load_plugins(DRIVERS, "0123", tmp_path / "state")
    assert catalog.close(0.2) is in_time
    sys.modules["mynet_paper"].WAIT.set()


@pytest.mark.parametrize("place", ["", "    "], ids=["when it is imported", "in its hook"])
def test_a_plugin_that_hangs_while_it_is_loaded_is_refused(
    install: Install, tmp_path: Path, place: str
) -> None:
    hang = "__import__('threading').Event().wait(3)\n"
    install(
        "mynet_paper",
        HEAD + hang + HOOK
        if not place
        else HEAD + HOOK.replace("    made.context", f"    {hang}    made.context"),
    )
    catalog = load_plugins(DRIVERS, "0123", tmp_path / "state", 1)
    assert "not loaded within 1 s" in listing(catalog).error
    assert listing(catalog, "bridge").plugin
    assert catalog.close(5)


def test_an_empty_catalog_says_what_is_missing() -> None:
    empty: Catalog[Backend] = Catalog(BACKENDS, [])
    with pytest.raises(BackendNotFound, match="there is: none"):
        empty.get("bitmap")
