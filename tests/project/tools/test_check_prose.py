""".ci/check-prose, by examples of each habit and of plain English that resembles one."""

import subprocess
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

Habits = Callable[[str, str], list[tuple[int, str]]]


@pytest.fixture(scope="module")
def habits(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Habits:
    """The line and the text of each habit in a file of some name."""
    loader = SourceFileLoader("check_prose", str(root / ".ci" / "check-prose"))
    spec = spec_from_loader("check_prose", loader)
    assert spec is not None
    check_prose = module_from_spec(spec)
    loader.exec_module(check_prose)
    folder = tmp_path_factory.mktemp("prose")

    def habits(name: str, text: str) -> list[tuple[int, str]]:
        path = folder / name
        path.write_text(text)
        return [(line, what) for line, what, _ in check_prose.habits(path)]

    return habits


@pytest.mark.parametrize(
    ("sentence", "habit"),
    [
        ("Whoever calls gets an answer.", "Whoever"),
        ("An address that somebody has is refused.", "somebody"),
        ("In somebody's way, and in nobody else's.", "nobody"),
        ("Each address, be it of IPv4 or IPv6.", "be it"),
        ("A port, of which there are three.", "of which there"),
        ("Return what there is of a link.", "what there is of"),
        ("It is no address of this subnet.", "is no address of"),
        ("Those are no links of ours.", "are no links of"),
        ("A copied file is no whole backup.", "is no whole"),
        ("The wishes of a caller.", "wishes"),
    ],
)
def test_each_habit_is_found_where_it_stands(habits: Habits, sentence: str, habit: str) -> None:
    found = (3, habit)
    assert found in habits("doc.md", f"# Title\n\n{sentence}\n")
    assert found in habits("api.proto", f'syntax = "proto3";\n\n// {sentence}\n')
    assert found in habits("script", f"#!/bin/sh\nset -eu\n# {sentence}\n")
    assert found in habits("comment.py", f"a = 1\n\n# {sentence}\n")
    assert found in habits("message.py", f'a = 1\n\nprint("{sentence}")\n')
    assert found in habits("docstring.py", f'def f():\n    """Return it.\n    {sentence}"""\n') or (
        (2, habit) in habits("docstring.py", f'def f():\n    """{sentence}"""\n')
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no record of it, and there\nare no links of that name.",
        "It is no longer part of a group.",
        "The process runs as `nobody`, a user without rights.",
        "The ``nobody`` of RFC-style markup.",
        "A subreaper adopts the children of a process that ended.",
        "The body of a message; some bodies are empty.",
        "```sh\nsudo -u nobody mynetctl network list\n```",
    ],
)
def test_plain_english_and_code_are_left_alone(habits: Habits, sentence: str) -> None:
    assert habits("doc.md", f"# Title\n\n{sentence}\n") == []


@pytest.mark.parametrize(
    "code",
    [
        'user = "nobody"\n',
        'keys = {"spec": "wish"}\n',
        "def test_a_daemon_run_as_nobody_is_refused():\n    pass\n",
        "def f():\n    nobody = pwd.getpwnam(USER).pw_uid\n",
        'def f():\n    """Return what a subnet has."""\n    return "Let it go"\n',
        "def whole_body():\n    pass\n",
    ],
)
def test_names_are_not_prose(habits: Habits, code: str) -> None:
    assert habits("code.py", code) == []


@pytest.mark.parametrize(
    "name",
    [
        "test_what_somebody_took_is_put_back",
        "test_ports_are_in_nobodys_way",
        "whoever_comes_back_gets_it",
        "nobody_has_it",
        "test_who_asks_first_gets_it",
    ],
)
def test_a_name_that_is_a_claim_names_the_actor(habits: Habits, name: str) -> None:
    assert habits("code.py", f"\ndef {name}():\n    pass\n") == [(2, name)]
    assert habits("code.py", f"\nasync def {name}():\n    pass\n") == [(2, name)]


@pytest.mark.parametrize("word", ["Say", "Tell", "Let", "Have", "Who"])
@pytest.mark.parametrize("definition", ["class A:", "def f():", "async def f():"])
def test_a_docstring_begins_with_the_standard_verb(
    habits: Habits, definition: str, word: str
) -> None:
    assert habits("code.py", f'{definition}\n    """{word} what it is."""\n') == [
        (2, f"{word} ...")
    ]
    assert habits("code.py", f'"""{word} what it is."""\n') == [(1, f"{word} ...")]
    assert habits("code.py", f'{definition}\n    """{word}ing is fine."""\n') == []


def test_a_habit_over_a_line_end_is_found_on_its_first_line(habits: Habits) -> None:
    assert habits("code.py", "a = 1\n# Whether they are five or six, be\n# it by chance.\n") == []
    assert habits("api.proto", "// Five ports, of\n// which there are three.\n") == [
        (1, "of which there")
    ]
    assert habits("doc.md", "Five ports, of which\n> there are three.\n") == [(1, "of which there")]
    assert habits("code.py", '"""Return five ports, of\n    which there are three."""\n') == [
        (1, "of which there")
    ]


def test_comments_in_a_block_of_code_are_prose(habits: Habits) -> None:
    assert habits("doc.md", "```sh\nmake demo  # for whoever is new\n```\n") == [(2, "whoever")]


def test_it_ends_with_one_where_it_found_something_and_names_the_place(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "doc.md").write_text("One.\n\nNobody knows.\n")
    (tmp_path / "proto" / "gen").mkdir(parents=True)
    (tmp_path / "proto" / "gen" / "made_pb2.py").write_text("# Nobody wrote this.\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    done = subprocess.run(
        [root / ".ci" / "check-prose"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == (
        "doc.md:3: 'Nobody': name the actor: caller, driver, daemon, kernel, another program\n"
    )
