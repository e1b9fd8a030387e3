"""``batch``: the requests of a file's lines, and what became of each."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon, Refusal
from tests.cli.support.samples import ONE, ONE_ID, TWO, TWO_ID

MISSING = {"code": "NOT_FOUND", "reason": "NETWORK_NOT_FOUND", "message": "there is no network x"}
WRONG = {
    "code": "INVALID_ARGUMENT",
    "reason": "INVALID_ARGUMENT",
    "message": "the request is invalid",
    "violations": [
        {"field": "pid", "description": "is wrong"},
        {"field": "mac_address", "description": "is odd"},
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "containers"


def test_each_line_is_a_request_as_connect_makes_it(
    ctl: Ctl, daemon: FakeDaemon, file: Path
) -> None:
    file.write_text(
        "# the web\n"
        "\n"
        "blue one --netns one --publish 8080:80  # in front\n"
        "blue 'the other' --ip 10.88.0.9 --label 'a=b c'\n"
    )
    daemon.answer("BatchConnect", {"outcomes": [{"endpoint": ONE}, {"endpoint": TWO}]})
    done = ctl("batch", "connect", str(file))
    assert (done.status, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == [ONE_ID[:12], TWO_ID[:12]]
    ports = [{"protocol": "PROTOCOL_TCP", "host_port": 8080, "container_port": 80}]
    other = {"network": "blue", "container_id": "the other"}
    assert daemon.asked == [
        (
            "BatchConnect",
            {
                "requests": [
                    {"network": "blue", "container_id": "one", "netns_name": "one", "ports": ports},
                    {**other, "addresses": ["10.88.0.9"], "labels": {"a": "b c"}},
                ]
            },
        )
    ]


def test_each_failure_is_a_line_of_error_with_the_number_of_its_line(
    ctl: Ctl, daemon: FakeDaemon, file: Path
) -> None:
    file.write_text("x one\n\nblue two\nblue three\n")
    outcomes = [{"failure": MISSING}, {"endpoint": TWO}, {"failure": WRONG}]
    daemon.answer("BatchConnect", {"outcomes": outcomes})
    done = ctl("batch", "connect", str(file), "--output", "json")
    assert done.status == 1
    assert done.err.splitlines() == [
        "mynetctl: line 1: NETWORK_NOT_FOUND: there is no network x",
        "mynetctl: line 4: INVALID_ARGUMENT: pid: is wrong; mac_address: is odd",
    ]
    assert [endpoint["id"] for endpoint in json.loads(done.out)["endpoints"]] == [TWO_ID]


def test_all_wrong_lines_are_named_and_nothing_is_sent(
    ctl: Ctl, daemon: FakeDaemon, file: Path
) -> None:
    file.write_text("blue\nblue one\nblue 'two\nblue two --ip fd88::1\n")
    done = ctl("batch", "connect", str(file))
    assert (done.status, done.out, daemon.asked) == (2, "", [])
    for number, words in ((1, "CONTAINER"), (3, "quotation"), (4, "not an IPv4 address")):
        assert f"line {number}: " in done.err
        assert words in done.err
    assert "line 2" not in done.err


def test_disconnects_are_selected_as_disconnect_does(
    ctl: Ctl, daemon: FakeDaemon, file: Path
) -> None:
    file.write_text("blue one\n--endpoint b1cd --allow-missing\n--all three\n")
    outcomes = [{"endpoints": [ONE]}, {}, {"failure": MISSING}]
    daemon.answer("BatchDisconnect", {"outcomes": outcomes})
    done = ctl("batch", "disconnect", str(file))
    assert (done.status, done.out.split()) == (1, [ONE_ID])
    assert done.err == "mynetctl: line 3: NETWORK_NOT_FOUND: there is no network x\n"
    ((_, asked),) = daemon.asked
    assert asked["requests"] == [
        {"network": "blue", "container_id": "one"},
        {"endpoint": "b1cd", "allow_missing": True},
        {"container_id": "three"},
    ]


def test_more_lines_than_a_batch_may_have_are_several_calls(
    ctl: Ctl, daemon: FakeDaemon, file: Path
) -> None:
    file.write_text("".join(f"blue c{number}\n" for number in range(300)))

    def answer(request: Any) -> Any:
        return {"outcomes": [{"endpoint": ONE} for _ in request["requests"]]}

    daemon.answer("BatchConnect", answer)
    done = ctl("batch", "connect", str(file))
    assert (done.status, len(done.out.splitlines())) == (0, 301)
    assert [len(asked["requests"]) for _, asked in daemon.asked] == [256, 44]


def test_a_call_that_fails_does_not_hide_what_earlier_calls_have_done(
    ctl: Ctl, daemon: FakeDaemon, file: Path
) -> None:
    file.write_text("".join(f"blue c{number}\n" for number in range(257)))
    made = {"outcomes": [{"endpoint": ONE} for _ in range(256)]}
    daemon.answer("BatchConnect", made, Refusal("UNAVAILABLE", "SHUTTING_DOWN", "call later"))
    done = ctl("batch", "connect", str(file))
    assert (done.status, len(done.out.splitlines())) == (1, 257)
    assert done.err == "mynetctl: SHUTTING_DOWN: call later\n"
