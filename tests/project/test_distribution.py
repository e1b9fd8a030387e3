"""The wheel and the sdist: what `pip install` puts on a machine."""

import configparser
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

PORTIONS = ["cli", "drivers", "ipam", "server", "v1"]


@pytest.fixture(scope="module")
def built(
    root: Path, run: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    # Without --wheel or --sdist, build makes the sdist, and then the wheel from the sdist.
    run("python", "-m", "build", "--no-isolation", "--outdir", out, root)
    [sdist], [wheel] = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def wheel(built: tuple[Path, Path]) -> zipfile.ZipFile:
    return zipfile.ZipFile(built[1])


@pytest.fixture(scope="module")
def entry_points(wheel: zipfile.ZipFile) -> dict[str, dict[str, str]]:
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    parser = configparser.ConfigParser()
    parser.read_string(wheel.read(name).decode())
    return {group: dict(parser[group]) for group in parser.sections()}


def test_the_wheel_contains_only_mynet(wheel: zipfile.ZipFile) -> None:
    others = [
        name
        for name in wheel.namelist()
        if not name.startswith(tuple(f"mynet/{portion}/" for portion in PORTIONS))
        and ".dist-info/" not in name
    ]
    assert others == []


def test_every_portion_of_the_wheel_is_typed(wheel: zipfile.ZipFile) -> None:
    assert {f"mynet/{portion}/py.typed" for portion in PORTIONS} <= set(wheel.namelist())


def test_the_wheel_has_every_file_of_the_tree(wheel: zipfile.ZipFile, root: Path) -> None:
    in_tree = {
        (Path(folder) / name).relative_to(root / "src").as_posix()
        for folder, _, names in os.walk(root / "src" / "mynet", followlinks=True)
        if not folder.endswith("__pycache__")
        for name in names
    }
    assert {name for name in wheel.namelist() if name.startswith("mynet/")} == in_tree


def test_the_wheel_brings_the_commands_and_the_built_in_plugins(
    entry_points: dict[str, dict[str, str]],
) -> None:
    assert entry_points == {
        "console_scripts": {"mynetd": "mynet.server.main:main", "mynetctl": "mynet.cli.main:main"},
        "mynet.drivers": {"bridge": "mynet.drivers.bridge"},
        "mynet.ipam": {"bitmap": "mynet.ipam.bitmap"},
    }


def test_every_entry_point_leads_to_a_module_of_the_wheel(
    wheel: zipfile.ZipFile, entry_points: dict[str, dict[str, str]]
) -> None:
    modules = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in wheel.namelist()
    }
    targets = {target for group in entry_points.values() for target in group.values()}
    assert {target.partition(":")[0] for target in targets} - modules == set()


def test_the_sdist_brings_the_api_and_the_licence(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"LICENSE", "proto/mynet/v1/network.proto", "proto/mynet/v1/ipam.proto"} <= names
