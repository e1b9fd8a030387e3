"""--help: every command has examples that parse, every option has a description."""

import click
import pytest

from mynet.cli.program import mynetctl
from tests.cli.support.lines import called, walk

# The commands that the documentation promises.
API = """
    network create, ls, inspect, update, rm, connect, disconnect
    endpoint ls, inspect, update, check
    batch connect, disconnect
    ipam allocate, release, ls, map, import, export
    ipam subnet create, ls, inspect, rm
    ipam backend ls
    driver ls
    doctor, backup
    context add, ls, use, show, rm
    connect, disconnect, run, topology, version, completion
"""


COMMANDS = dict(walk())


def help_of(path: str) -> str:
    program = mynetctl.make_context("mynetctl", [], resilient_parsing=True, terminal_width=80)
    command = COMMANDS[path]
    if command is mynetctl:
        return command.get_help(program)
    name = path.removeprefix("mynetctl ")
    context = command.make_context(name, [], program, resilient_parsing=True, terminal_width=80)
    return command.get_help(context)


def examples(path: str) -> list[str]:
    """Return the lines of examples in a command's help."""
    _, _, rest = help_of(path).partition("\n  Examples:\n")
    return [line.strip() for line in rest.partition("\n\n")[0].splitlines()]


def test_the_commands_are_those_of_the_api() -> None:
    wanted = set()
    for line in API.strip().splitlines():
        first, *others = line.strip().split(", ")
        group, _, name = first.rpartition(" ")
        wanted |= {f"mynetctl {group} {word}".replace("  ", " ") for word in (name, *others)}
    assert {path for path, each in COMMANDS.items() if not isinstance(each, click.Group)} == wanted


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_says_what_it_does_and_has_examples(path: str) -> None:
    assert COMMANDS[path].help
    assert examples(path)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_example_is_of_its_command_and_can_be_typed(path: str) -> None:
    for line in examples(path):
        assert COMMANDS[path] in called(line), line


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_of_every_command_has_help(path: str) -> None:
    parameters = COMMANDS[path].params
    options = [option for option in parameters if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("path", COMMANDS)
def test_help_fits_a_terminal_and_is_asked_for_in_two_ways(path: str) -> None:
    lines = help_of(path).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  -h, --help") for line in lines)


@pytest.mark.parametrize("path", COMMANDS)
def test_the_list_of_commands_has_whole_sentences(path: str) -> None:
    _, _, listed = help_of(path).partition("\nCommands:\n")
    assert "..." not in listed
