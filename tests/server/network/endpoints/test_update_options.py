"""UpdateEndpoint: options of the driver."""

from typing import Any

import pytest

from mynet.v1 import network_pb2
from tests.server.support.refusals import refusal
from tests.server.support.requests import change_endpoint, shown
from tests.server.support.stack import Stack

OPTIONS = {"conntrack_limit": "10", "bandwidth_egress": "10Mbit"}


@pytest.fixture(autouse=True)
def one(stack: Stack) -> network_pb2.Endpoint:
    """An endpoint with options and a published port."""
    stack.network("web", "10.1.0.0/24", "fd00:1::/64")
    ports = [network_pb2.PortMapping(host_port=8080, container_port=80)]
    return stack.connect("c1", netns_name="c1", options=OPTIONS, ports=ports)


@pytest.mark.parametrize(
    ("change", "options"),
    [
        ({"options": {"spoof_check": "false"}}, {**OPTIONS, "spoof_check": "false"}),
        ({"options": {"conntrack_limit": "20"}}, {**OPTIONS, "conntrack_limit": "20"}),
        ({"remove_options": ["conntrack_limit", "none"]}, {"bandwidth_egress": "10Mbit"}),
        ({"labels": {"a": "b"}}, OPTIONS),
    ],
    ids=shown,
)
def test_options_are_set_and_removed_and_others_stay(
    stack: Stack, one: network_pb2.Endpoint, change: dict[str, Any], options: dict[str, str]
) -> None:
    for _ in range(2):
        changed = stack.update_endpoint(**change)
        assert dict(changed.options) == options
        assert list(changed.ports) == list(one.ports)
        assert stack.endpoints() == [changed]
        assert stack.problems(changed.id) == []


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (
            {"options": {"spoof_check": "no", "colour": "red"}, "labels": {"": ""}},
            ["labels"],
        ),
        (
            {"options": {"spoof_check": "no", "conntrack_limit": "x", "colour": "red"}},
            ["options[colour]", "options[conntrack_limit]", "options[spoof_check]"],
        ),
        ({"options": {"a": "b"}, "remove_options": ["a"]}, ["remove_options[0]"]),
        (
            {"options": {f"net.ipv4.conf.IFNAME.{number}": "" for number in range(63)}},
            ["options", "options[net.ipv4.conf.IFNAME.0]"],
        ),
    ],
    ids=shown,
)
def test_a_refusal_has_all_violations_and_changes_nothing(
    stack: Stack, change: dict[str, Any], faults: list[str]
) -> None:
    before = stack.state()
    refused = refusal(stack.net.UpdateEndpoint, change_endpoint(**change))
    assert refused.reason == "INVALID_ARGUMENT"
    assert refused.faults[: len(faults)] == faults
    assert stack.state() == before


@pytest.mark.parametrize(
    "change",
    [{"options": {"bandwidth_egress": "1Mbit"}}, {"remove_options": ["bandwidth_egress"]}],
    ids=shown,
)
def test_an_option_that_cannot_change_is_refused_with_the_way_out(
    stack: Stack, change: dict[str, Any]
) -> None:
    before = stack.state()
    refused = refusal(stack.net.UpdateEndpoint, change_endpoint(labels={"a": "b"}, **change))
    assert refused.short == ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED")
    assert refused.metadata == {"bandwidth_egress": "it cannot change"}
    assert "Disconnect it, and connect it again with the options" in refused.message
    assert stack.state() == before
