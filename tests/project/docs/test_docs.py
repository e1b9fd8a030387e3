"""The documentation names all options, commands and files, and only existing ones."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import click
import pytest

from mynet.server.main import main as mynetd
from mynet.server.services.status import TABLE
from mynet.v1 import ipam_pb2, network_pb2
from tests.cli.support.lines import called, named, walk
from tests.project.docs.markdown import Page, rows, spans

COMMANDS = dict(walk())
HELP = {"-h", "--help"}
FLAG = re.compile(r"(?<![\w-])--?[a-z][a-z0-9-]*")


@pytest.fixture(scope="module")
def pages(root: Path, our_files: list[Path]) -> dict[str, Page]:
    """Return every Markdown file of the repository by its path."""
    paths = sorted(path for path in our_files if path.suffix == ".md")
    return {path.relative_to(root).as_posix(): Page(path, path.read_text()) for path in paths}


def options(command: click.Command) -> dict[str, click.Option]:
    return {
        flag: option
        for option in command.params
        if isinstance(option, click.Option)
        for flag in option.opts
    }


def flags(text: str) -> set[str]:
    """Return the flags in the first column of the tables."""
    return {flag for cell in rows(text) for span in spans(cell) for flag in FLAG.findall(span)}


# --- mynetd -----------------------------------------------------------------------------------


def test_the_documentation_has_the_options_of_mynetd(pages: dict[str, Page]) -> None:
    known = set(options(mynetd)).union(*map(options, mynetd.commands.values()))
    assert flags(pages["docs/mynetd.md"].text) == {*known, "--help"}


def test_the_documentation_has_the_commands_of_mynetd(pages: dict[str, Page]) -> None:
    said = pages["docs/mynetd.md"].section("Commands")
    for name, command in mynetd.commands.items():
        table = said.partition(f"`mynetd {name} ")[2].partition("\n`mynetd ")[0]
        assert flags(table) == set(options(command)), name
    spoken = {span for page in pages.values() for span in spans(page.text)}
    named = {match[1] for span in spoken if (match := re.match(r"mynetd ([a-z]+)", span))}
    assert named == mynetd.commands.keys()


def test_the_documentation_has_the_defaults_of_mynetd(pages: dict[str, Page]) -> None:
    for cell, rest in rows(pages["docs/mynetd.md"].section("Options")).items():
        option = options(mynetd).get(FLAG.findall(cell)[0]) if FLAG.search(cell) else None
        if option is None or not option.show_default:
            continue
        default = option.default[0] if isinstance(option.default, tuple) else option.default
        shown = rest.split("|")[0].strip().strip("`")
        assert shown == (f"{default:g}" if isinstance(default, float) else str(default)), cell


def test_keys_and_variables_of_mynetd_are_derived_from_its_flags(
    pages: dict[str, Page],
) -> None:
    said = pages["docs/mynetd.md"].section("Options")
    assert {"--state-dir", "state_dir", "MYNET_STATE_DIR"} <= set(spans(said))
    assert mynetd.context_settings["auto_envvar_prefix"] == "MYNET"
    for flag, option in options(mynetd).items():
        assert option.name == flag.removeprefix("--").replace("-", "_")


def test_config_files_in_the_documentation_have_valid_keys(
    pages: dict[str, Page],
) -> None:
    blocks = pages["docs/mynetd.md"].blocks("toml")
    assert blocks != []
    for block in blocks:
        assert tomllib.loads(block).keys() <= {*(option.name for option in mynetd.params), "roles"}


def test_the_documentation_has_the_capabilities_that_mynetd_needs(
    pages: dict[str, Page], root: Path
) -> None:
    table = rows(pages["docs/mynetd.md"].section("Capabilities"))
    documented = {span for cell in table for span in spans(cell)}
    sources = (path for folder in ("drivers", "server") for path in (root / folder).rglob("*.py"))
    said = {name for path in sources for name in re.findall(r'"(CAP_[A-Z_]+)"', path.read_text())}
    assert said <= documented
    # No error names these: without the first no call fails, the others are of root's file access.
    assert documented - said <= {"CAP_NET_BROADCAST", "CAP_CHOWN", "CAP_DAC_READ_SEARCH"}


def test_the_log_lines_in_the_documentation_are_logged(pages: dict[str, Page], root: Path) -> None:
    sources = "".join(path.read_text() for path in (root / "server").rglob("*.py"))
    logged = set(re.findall(r"\blog\.\w+\(\s*\"([^\"]+)\"", sources))
    operations = pages["docs/operations.md"]
    lines = re.findall(r"\[\w+ *\] (\S.*?)  +(.*)", "".join(operations.blocks("")))
    assert {event for event, _ in lines} == {"call", "healed"}
    named = {
        span for span in spans(operations.text) if span in {"found", "recovered", "not healed"}
    }
    assert {*named, *(event for event, _ in lines)} <= logged
    keys = {key for _, values in lines for key in re.findall(r"(\w+)=", values)}
    assert {key for key in keys if not re.search(rf"\b{key}=|\"{key}\"", sources)} == set()


# --- mynetctl ---------------------------------------------------------------------------------


def section_of(path: str) -> str:
    name = path.removeprefix("mynetctl").strip()
    alias = name.removeprefix("network ")
    return alias if alias in {"connect", "disconnect"} else name or "For all commands"


@pytest.mark.parametrize("path", COMMANDS)
def test_the_section_of_a_command_has_its_options(pages: dict[str, Page], path: str) -> None:
    command = COMMANDS[path]
    if isinstance(command, click.Group) and path != "mynetctl":
        assert options(command) == {}
        return
    documented = flags(pages["docs/mynetctl.md"].section(section_of(path)))
    known = set(options(command))
    # --output is documented once, for all commands.
    assert documented == (known | HELP if path == "mynetctl" else known - {"--output"})


def test_every_section_is_about_an_existing_command(pages: dict[str, Page]) -> None:
    sections = {section_of(path) for path, each in COMMANDS.items() if not each.no_args_is_help}
    assert set(pages["docs/mynetctl.md"].headings()) == {*sections, "For all commands"}


def test_the_documentation_has_the_variables_of_mynetctl(pages: dict[str, Page]) -> None:
    known = {option.envvar for command in COMMANDS.values() for option in options(command).values()}
    said = set(re.findall(r"MYNET(?:CTL)?_[A-Z_]+", pages["docs/mynetctl.md"].text))
    assert said == known - {None}


def lines_of(page: Page) -> Iterator[str]:
    """Yield the lines of code of a page that call mynetctl."""
    typed = [line for block in page.blocks("sh") for line in block.splitlines()]
    typed += [command.replace("\\\n", " ") for command, _ in page.transcript()]
    return (line for line in typed if re.match(r"(source <\()?mynetctl ", line))


def test_every_line_of_code_with_mynetctl_can_be_parsed(pages: dict[str, Page]) -> None:
    lines = [line for page in pages.values() for line in lines_of(page)]
    assert len(lines) > 40
    for line in lines:
        called(line)


def test_every_command_of_mynetctl_in_the_text_exists(pages: dict[str, Page]) -> None:
    spoken = [span for page in pages.values() for span in spans(page.text)]
    lines = [span for span in spoken if span.startswith("mynetctl ")]
    assert len(lines) > 20
    for line in lines:
        named(re.sub(r"\[OPTIONS\] |\.\.\.", "", line))


def test_docker_s_options_are_translated_into_valid_ones(pages: dict[str, Page]) -> None:
    text = pages["docs/docker.md"].text
    lines = [span for cells in rows(text).values() for span in spans(cells)]
    typed = [line for line in lines if line.startswith("mynetctl ")]
    assert len(typed) > 10
    for line in typed:
        called(line.replace(" ...", " blue web"))
    known = {
        flag
        for path in ("mynetctl", "mynetctl network create", "mynetctl connect")
        for flag in options(COMMANDS[path])
    }
    same = [span for cell, ours in rows(text).items() if "the same" in ours for span in spans(cell)]
    matches = [FLAG.match(span) for span in (*lines, *same)]
    assert {match[0] for match in matches if match} - known == set()


def test_every_option_of_networks_and_endpoints_has_an_example(
    pages: dict[str, Page],
) -> None:
    explained = [pages[f"docs/{name}.md"] for name in ("bridge", "ports", "ipam", "mynetctl")]
    typed = " ".join(line for page in explained for line in lines_of(page))
    wanted = {
        option.opts[-1]
        for path in ("mynetctl network create", "mynetctl connect")
        for option in options(COMMANDS[path]).values()
    }
    shorter = {"--opt": "-o"}  # as in docker run
    given = {flag for flag in wanted if f" {shorter.get(flag, flag)} " in typed}
    assert wanted - given == set()


# --- the API ----------------------------------------------------------------------------------


def comments(root: Path) -> list[str]:
    files = (root / "proto" / "mynet" / "v1").glob("*.proto")
    return [
        line.strip() for path in files for line in path.read_text().splitlines() if "//" in line
    ]


def test_the_documentation_names_every_method_of_the_api(
    pages: dict[str, Page], root: Path
) -> None:
    said = "\n".join([*comments(root), *(page.text for page in pages.values())])
    verbs = {
        method.name
        for module in (network_pb2, ipam_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert {verb for verb in verbs if not re.search(rf"\b{verb}\b", said)} == set()


def test_every_reason_in_the_proto_files_exists(root: Path) -> None:
    said = set(re.findall(r"\b[A-Z]+_[A-Z_]+[A-Z]\b", "\n".join(comments(root))))
    values = {
        value
        for enum in network_pb2.DESCRIPTOR.enum_types_by_name.values()
        for value in enum.values_by_name
    }
    assert said - values - {reason for _, reason in TABLE.values()} - {"NOT_SERVING"} == set()


# --- links ------------------------------------------------------------------------------------


def test_every_link_leads_to_an_existing_file_and_heading(
    pages: dict[str, Page], root: Path
) -> None:
    broken = []
    for name, page in pages.items():
        for link in page.links():
            if re.match(r"https?://", link):
                continue
            path, _, place = link.partition("#")
            target = (page.path.parent / path).resolve() if path else page.path
            inside = target.is_relative_to(root)
            linked = pages.get(target.relative_to(root).as_posix()) if inside else None
            if (
                not inside
                or not target.exists()
                or (place and (not linked or place not in linked.anchors()))
            ):
                broken.append(f"{name}: {link}")
    assert broken == []


def test_every_path_in_the_documentation_exists(pages: dict[str, Page], root: Path) -> None:
    tops = "|".join(path.name for path in root.iterdir() if path.is_dir())
    found = [span for page in pages.values() for span in spans(page.text)]
    paths = [span for span in found if re.fullmatch(rf"({tops})/[\w./-]*", span)]
    assert len(paths) > 60
    in_state_directory = re.compile(r"/NAME/|\.db$")
    missing = [
        path for path in paths if not (root / path).exists() and not in_state_directory.search(path)
    ]
    assert missing == []


def test_every_python_name_in_the_documentation_exists(pages: dict[str, Page]) -> None:
    text = " ".join(span for page in pages.values() for span in spans(page.text))
    names = set(re.findall(r"\bmynet\.(?:drivers|ipam|server|cli)(?:\.\w+)*", text))
    assert len(names) > 10
    for name in names:
        resolve_name(name)  # raises ImportError or AttributeError


def test_the_architecture_draws_every_folder(pages: dict[str, Page], root: Path) -> None:
    drawn, parents = set(), [""] * 4
    for indent, name in re.findall(r"^( *)([\w/]+)/ ", pages["ARCHITECTURE.md"].text, re.MULTILINE):
        depth = len(indent) // 2
        parents[depth] = f"{parents[depth - 1] if depth else ''}{name}/"
        drawn.add(parents[depth])
    packages = {
        path.parent.relative_to(root)
        for top in ("server", "drivers", "ipam", "cli")
        for path in (root / top).rglob("__init__.py")
    }
    # Folders below these are named in the line of the folder that they are in.
    rooms = {f"{path}/" for path in packages if len(path.parts) <= 2 or path.parts[1] == "linux"}
    assert rooms - drawn == set()
    assert {room for room in drawn if not (root / room).is_dir()} == set()
