"""``mynetctl endpoint update``: its request and its output."""

import json
from typing import Any

import pytest

from tests.cli.commands.endpoints.test_ports import mapping
from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon
from tests.cli.support.samples import ONE, ONE_ID


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        (
            "-p 8443:443 --publish 53/udp",
            {"ports": [mapping(443, 8443), mapping(53, protocol="PROTOCOL_UDP")]},
        ),
        (
            "--publish-rm 80 --publish-rm 127.0.0.1:1-2:1-2",
            {"remove_ports": [mapping(80), mapping(1, 1, host_ip="127.0.0.1", count=2)]},
        ),
        ("--replace-ports", {"replace_ports": True}),
        ("--replace-ports -p 1:1", {"replace_ports": True, "ports": [mapping(1, 1)]}),
        ("--label a=b --label c", {"labels": {"a": "b", "c": ""}}),
        ("--label-rm a --label-rm b", {"remove_labels": ["a", "b"]}),
        ("--replace-labels --label a=b", {"replace_labels": True, "labels": {"a": "b"}}),
    ],
)
def test_it_requests_the_changes_and_prints_the_id(
    ctl: Ctl, daemon: FakeDaemon, options: str, asked: dict[str, Any]
) -> None:
    daemon.answer("UpdateEndpoint", {"endpoint": ONE})
    assert ctl("endpoint", "update", *options.split(), ONE_ID[:9]).out == f"{ONE_ID}\n"
    assert daemon.asked == [("UpdateEndpoint", {"endpoint": ONE_ID[:9], **asked})]


def test_it_shows_the_whole_endpoint_as_json(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("UpdateEndpoint", {"endpoint": ONE})
    done = ctl("endpoint", "update", "--label", "a=b", ONE_ID, "--output", "json")
    assert json.loads(done.out)["addresses"] == ONE["addresses"]


def test_no_change_is_wrong_usage(ctl: Ctl, daemon: FakeDaemon) -> None:
    done = ctl("endpoint", "update", ONE_ID)
    assert (done.status, daemon.asked) == (2, [])
    assert "nothing to change" in done.err


def test_an_invalid_port_is_wrong_usage(ctl: Ctl, daemon: FakeDaemon) -> None:
    done = ctl("endpoint", "update", "--publish-rm", "http", ONE_ID)
    assert (done.status, daemon.asked) == (2, [])
    assert "--publish-rm" in done.err
