"""The daemon's log, in a process of its own, as logging is global to a process."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mynet.drivers.errors import KernelError
from mynet.server.logs.program_log import with_error

SCRIPT = """
import logging, sys, tempfile
from pathlib import Path
from mynet.drivers.errors import KernelError
from mynet.server.logs.program_log import configured
from tests.server.support.refusals import refusal
from tests.server.support.requests import create
from tests.server.support.world import World

def talkative(call, network):
    logging.getLogger("plugin").info("making %s", network.name)
    logging.getLogger("plugin").debug("trifles")
    make(call, network)

with configured(sys.argv[1], sys.argv[2]):
    world = World(Path(tempfile.mkdtemp()))
    make = world.driver.create
    world.driver.create = talkative
    world.net.CreateNetwork(create("web"), metadata=[("x-request-id", "first")])
    refusal(world.net.CreateNetwork, create("no\\nname"))
    world.driver.trouble.fail("create", KernelError("a\\nb"))
    world.net.CreateNetwork.future(
        create("api", "10.2.0.0/24"), metadata=[("x-request-id", "third")]
    ).exception()
    world.driver.trouble.fail("create", ZeroDivisionError("c"))
    world.net.CreateNetwork.future(
        create("new", "10.3.0.0/24"), metadata=[("x-request-id", "fourth")]
    ).exception()
    world.close()
"""


def run(log_format: str, level: str) -> str:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, log_format, level],
        cwd=root,
        env={"PYTHONPATH": f"{root}/src:{root}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr


def calls(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == "call"]


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("json", "info").splitlines()]


def test_every_line_has_time_level_and_logger(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        assert {"event", "level", "logger", "timestamp"} <= line.keys()
        assert line["timestamp"].endswith("Z")


def test_every_call_has_one_line_with_its_outcome(lines: list[dict[str, Any]]) -> None:
    found = calls(lines)
    assert [line["code"] for line in found] == ["OK", "INVALID_ARGUMENT", "INTERNAL", "INTERNAL"]
    for line in found:
        assert line["method"] == "NetworkService/CreateNetwork"
        assert line["request_id"]
        assert line["ms"] >= 0
    assert "network.name" in found[1]["error"]


def test_an_error_that_explains_itself_has_no_traceback(lines: list[dict[str, Any]]) -> None:
    [line] = [line for line in calls(lines) if line["request_id"] == "third"]
    assert (line["level"], line["error"]) == ("error", "a\nb")
    assert "exception" not in line


def test_at_the_level_debug_it_has_one() -> None:
    lines = list(map(json.loads, run("json", "debug").splitlines()))
    [line] = [line for line in calls(lines) if line["request_id"] == "third"]
    assert "KernelError: a\nb" in line["exception"]


def test_the_fault_of_a_plugin_is_logged_with_its_traceback(lines: list[dict[str, Any]]) -> None:
    [line] = [line for line in lines if "exception" in line]
    assert line["request_id"] == "fourth"
    assert line["exception"].endswith("ZeroDivisionError: c")


def test_what_a_plugin_logs_has_the_id_of_the_request(lines: list[dict[str, Any]]) -> None:
    said = [(line["event"], line["request_id"]) for line in lines if line["logger"] == "plugin"]
    assert said == [
        ("making web", "first"),
        ("making api", "third"),
        ("making new", "fourth"),
    ]


def test_what_is_below_the_level_is_left_out(lines: list[dict[str, Any]]) -> None:
    assert "trifles" not in {line["event"] for line in lines}
    errors = [json.loads(line) for line in run("json", "error").splitlines()]
    assert {line["level"] for line in errors} == {"error"}


def test_text_lines_are_plain() -> None:
    text = run("text", "debug")
    assert "\x1b" not in text
    assert "trifles" in text
    [call] = [line for line in text.splitlines() if "code=OK" in line]
    assert "request_id=first" in call


def test_only_the_traceback_of_an_error_that_explains_itself_is_left_out() -> None:
    explained, fault = KernelError("not so"), ZeroDivisionError("c")
    for information in (explained, (KernelError, explained, None)):
        line = with_error({"event": "call", "exc_info": information}, logging.INFO)
        assert line == {"event": "call", "error": "not so"}
    assert "ZeroDivisionError: c" in with_error({"exc_info": fault}, logging.INFO)["exception"]
    assert "KernelError: not so" in with_error({"exc_info": explained}, logging.DEBUG)["exception"]
    try:
        raise explained
    except KernelError:
        assert with_error({"exc_info": True}, logging.INFO) == {"error": "not so"}
