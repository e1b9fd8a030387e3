"""Characters that a terminal acts on do not reach it, wherever a text comes from."""

import json

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon, Refusal
from tests.cli.support.samples import BLUE

EVIL = "a\x1b]0;x\x07\x9b2J\u202eb\u2066\U000e0041"
FINDING = {"object": EVIL, "problem": EVIL, "remedy": EVIL, "commands": [EVIL]}


def assert_harmless(text: str) -> None:
    assert all(char.isprintable() or char == "\n" for char in text), ascii(text)


@pytest.mark.parametrize(
    ("command", "verb", "answer"),
    [
        ("network inspect blue", "GetNetwork", {"network": {**BLUE, "labels": {EVIL: EVIL}}}),
        ("network ls", "ListNetworks", {"networks": [{**BLUE, "name": EVIL}]}),
        ("doctor", "Doctor", {"findings": [FINDING]}),
        ("ipam export", "ExportSubnets", {"document": json.dumps({EVIL: 1}, ensure_ascii=False)}),
        ("network inspect blue", "GetNetwork", Refusal("NOT_FOUND", "NETWORK_NOT_FOUND", EVIL)),
        (
            "network create blue",
            "CreateNetwork",
            {
                "network": {
                    **BLUE,
                    "conditions": [{"problem": EVIL, "remedy": EVIL, "commands": [EVIL]}],
                }
            },
        ),
    ],
)
def test_control_characters_of_answers_are_made_visible(
    ctl: Ctl, daemon: FakeDaemon, command: str, verb: str, answer: object
) -> None:
    daemon.answer(verb, answer)  # type: ignore[arg-type]
    done = ctl(*command.split())
    assert_harmless(done.out + done.err)
    assert "u202e" in done.out + done.err


def test_json_keeps_its_meaning(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("GetNetwork", {"network": {**BLUE, "labels": {"key": EVIL}}})
    [network] = json.loads(ctl("network", "inspect", "blue").out)
    assert network["labels"] == {"key": EVIL}
