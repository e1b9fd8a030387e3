"""Graphs in dot and in Mermaid: names with any characters are shown as they are."""

import html
import re
from typing import Any

import pytest

from mynet.cli.output.graph import dot, mermaid

AWKWARD = 'a "b" \\n & <c>; #1. `d` |e|\\'


def networks(name: str) -> list[dict[str, Any]]:
    return [{"name": name, "interface": "", "subnets": [], "endpoints": []}]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("plain-1.2_3", "plain-1.2_3"),
        ('say "hi"', r"say \"hi\""),
        ("a\\nb", r"a\\nb"),
        ("ends\\", "ends\\\\"),
        ('\\"', r"\\\""),
        ("&lt; & <b>", "&amp;lt; &amp; <b>"),
        ("a\nb\0", "a&#10;b&#0;"),
        ("ü", "ü"),
    ],
)
def test_dot_shows_a_name_as_it_is(name: str, written: str) -> None:
    (line,) = [row for row in dot(networks(name), unicode=True) if "n1 [" in row]
    assert line == f'  n1 [shape=box, label="{written}"]'


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("plain-1.2_3", "plain-1.2_3"),
        ('say "hi"', "say#32;#34;hi#34;"),
        ("#35;", "#35;35#59;"),
        ("a`b`|c|", "a#96;b#96;#124;c#124;"),
        ("<b>&amp;", "#60;b#62;#38;amp#59;"),
        ("1. one", "1.#32;one"),
        ("a\nb", "a#10;b"),
        ("ü", "ü"),
    ],
)
def test_mermaid_shows_a_name_as_it_is(name: str, written: str) -> None:
    (line,) = [row for row in mermaid(networks(name), unicode=True) if "n1[" in row]
    assert line == f'  n1["{written}"]'


def test_names_survive_the_parsers_of_both_languages() -> None:
    """The test parses them by the rules of the languages, without the code of this program."""
    (in_dot,) = [row for row in dot(networks(AWKWARD), unicode=True) if "n1 [" in row]
    (in_mermaid,) = [row for row in mermaid(networks(AWKWARD), unicode=True) if "n1[" in row]
    quoted = re.fullmatch(r'  n1 \[shape=box, label="((?:[^"\\]|\\.)*)"\]', in_dot)
    assert quoted
    assert html.unescape(re.sub(r"\\(.)", r"\1", quoted[1])) == AWKWARD
    bare = re.fullmatch(r'  n1\["([^"]*)"\]', in_mermaid)
    assert bare
    assert re.sub(r"#(\d+);", lambda code: chr(int(code[1])), bare[1]) == AWKWARD
