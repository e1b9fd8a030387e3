"""Tables and JSON, with any content and in any locale."""

import json
import os
from collections.abc import Sequence

import pytest

from mynet.cli.output import render
from tests.cli.conftest import Ctl, program
from tests.cli.support.fake import FakeDaemon
from tests.cli.support.samples import BLUE, ONE, TWO


@pytest.mark.parametrize(
    "arguments",
    [
        "--output json network ls",
        "network ls --output json",
        "--output table network ls --output json",
    ],
)
def test_output_is_accepted_before_and_after_the_command(ctl: Ctl, arguments: str) -> None:
    assert json.loads(ctl(*arguments.split()).out) == {"networks": []}


def test_output_after_the_command_takes_precedence(ctl: Ctl) -> None:
    assert ctl("network", "ls", "--output", "table", MYNET_OUTPUT="json").out.startswith("NETWORK")


def test_the_environment_chooses_the_output(ctl: Ctl) -> None:
    assert json.loads(ctl("network", "ls", MYNET_OUTPUT="json").out) == {"networks": []}


def test_json_has_the_fields_in_the_order_of_the_api(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("GetNetwork", {"network": BLUE})
    (shown,) = json.loads(ctl("network", "inspect", "blue").out)
    assert list(shown)[:7] == ["id", "name", "driver", "ipam", "subnets", "internal", "mtu"]
    assert list(shown["subnets"][0])[:4] == ["cidr", "gateway", "backend", "network"]


def test_json_includes_empty_fields(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("GetNetwork", {"network": {"name": "bare"}})
    (shown,) = json.loads(ctl("network", "inspect", "bare").out)
    empty = {"subnets": [], "labels": {}, "internal": False, "endpoint_count": 0, "id": ""}
    assert {field: shown[field] for field in empty} == empty


def test_json_shows_unicode_as_it_is(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("GetEndpoint", {"endpoint": TWO})
    assert '"zwölf-容器"' in ctl("endpoint", "inspect", "b").out


def test_json_keeps_labels_as_they_are(ctl: Ctl, daemon: FakeDaemon) -> None:
    labels = {"value": "1", "key": "2", "a": "ü\u001b"}
    daemon.answer("GetEndpoint", {"endpoint": {**ONE, "labels": labels}})
    (shown,) = json.loads(ctl("endpoint", "inspect", "f").out)
    assert shown["labels"] == labels


def test_a_page_larger_than_grpc_s_default_limit_is_read(ctl: Ctl, daemon: FakeDaemon) -> None:
    labels = {f"label-{number}": "x" * 4000 for number in range(60)}
    daemon.answer("ListEndpoints", {"endpoints": [{**ONE, "labels": labels}] * 40})
    done = ctl("endpoint", "ls", "-q")
    assert (done.status, done.out.count("\n")) == (0, 40)


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        (["plain", "x"], ["plain   x", "A       B"]),
        (["容器", "x"], ["容器   x", "A      B"]),
        (["nai\u0308ve", "x"], ["nai\u0308ve   x", "A       B"]),
        (["", 0], ["-   0", "A   B"]),
        (["a\x1b[31mb\nc", "x"], [r"a\x1b[31mb\nc   x", "A               B"]),
        (["\u202eevil\u009b", "x"], [r"\u202eevil\x9b   x", "A                B"]),
    ],
)
def test_columns_are_aligned_with_any_characters(
    cells: Sequence[object], shown: Sequence[str]
) -> None:
    assert list(render.table(("A", "B"), [cells])) == shown[::-1]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", ""])
def test_a_table_is_shown_in_every_locale(daemon: FakeDaemon, encoding: str) -> None:
    daemon.answer("ListEndpoints", {"endpoints": [TWO]})
    plain = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = program(daemon, "endpoint", "ls", env={"PYTHONIOENCODING": encoding, **plain})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"cif-b1cdc4b0a7d" in done.stdout


def test_json_is_valid_in_every_locale(daemon: FakeDaemon) -> None:
    daemon.answer("ListEndpoints", {"endpoints": [{**TWO, "container_id": "zwölf-😀"}]})
    done = program(
        daemon, "endpoint", "ls", "--output", "json", env={"PYTHONIOENCODING": "latin-1"}
    )
    assert json.loads(done.stdout.decode("latin-1"))["endpoints"][0]["container_id"] == "zwölf-😀"


@pytest.mark.parametrize("arguments", ["network ls", "network ls --output json", "--help"])
def test_a_full_disk_is_one_line_of_error(daemon: FakeDaemon, arguments: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = program(daemon, *arguments.split(), stdout=full)
    finally:
        os.close(full)
    assert done.returncode == 1
    assert (
        done.stderr
        == b"mynetctl: IO_ERROR: output cannot be written: [Errno 28] No space left on device\n"
    )


@pytest.mark.parametrize("arguments", ["network ls", "network ls --output json", "--help"])
def test_a_closed_pipe_is_silent(daemon: FakeDaemon, arguments: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = program(daemon, *arguments.split(), stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
