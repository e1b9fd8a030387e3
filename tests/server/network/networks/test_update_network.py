"""UpdateNetwork: labels and options of a network."""

from typing import Any

import pytest

from mynet.drivers.errors import KernelError
from mynet.server.calls.call import Call
from mynet.v1 import network_pb2
from tests.server.support import requests
from tests.server.support.refusals import refusal
from tests.server.support.requests import LONG, shown
from tests.server.support.world import World

LABELS = {"team": "red", "tier": "web"}


@pytest.fixture
def web(world: World) -> network_pb2.Network:
    """A network with labels and options, and two endpoints on it."""
    made = world.network("web", labels=LABELS, options={"icc": "true", "vlan": "7"})
    world.connect("c1")
    world.connect("c2")
    return made


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("change", "labels"),
    [
        ({}, LABELS),
        ({"labels": {"team": "blue"}}, {"team": "blue", "tier": "web"}),
        ({"labels": {"seen": ""}}, {**LABELS, "seen": ""}),
        ({"remove_labels": ["team"]}, {"tier": "web"}),
        ({"remove_labels": ["team", "tier", "none", "none"]}, {}),
        ({"labels": {"a": "b"}, "remove_labels": ["team"]}, {"tier": "web", "a": "b"}),
    ],
    ids=shown,
)
def test_labels_are_set_and_removed_and_others_stay(
    world: World, change: dict[str, Any], labels: dict[str, str]
) -> None:
    for _ in range(2):
        changed = world.update(**change)
        assert dict(changed.labels) == labels
        assert dict(changed.options) == {"icc": "true", "vlan": "7"}
        assert world.networks() == [changed]
    assert world.driver.trouble.calls["update"] == 0


def test_a_network_is_found_by_its_id_or_the_beginning_of_it(
    world: World, web: network_pb2.Network
) -> None:
    for number, selector in enumerate((web.id, web.id[:9], "web")):
        labels = {"number": str(number)}
        assert world.update(network=selector, labels=labels).labels["number"] == str(number)


def test_only_what_differs_gets_a_new_revision(world: World, web: network_pb2.Network) -> None:
    assert world.update(labels=LABELS, options={"icc": "true"}) == web.__class__(
        **{**_fields(web), "endpoint_count": 2}
    )
    first = world.update(options={"icc": "false"})
    assert first.revision > web.revision
    assert world.update(options={"icc": "false"}).revision == first.revision


def _fields(network: network_pb2.Network) -> dict[str, Any]:
    return {field.name: value for field, value in network.ListFields()}


@pytest.mark.parametrize(
    ("change", "options"),
    [
        ({"options": {"icc": "false"}}, {"icc": "false", "vlan": "7"}),
        ({"remove_options": ["icc"]}, {"vlan": "7"}),
        ({"options": {"icc": "false", "vlan": "7"}}, {"icc": "false", "vlan": "7"}),
    ],
    ids=shown,
)
def test_the_driver_is_told_the_network_and_what_is_on_it(
    world: World, web: network_pb2.Network, change: dict[str, Any], options: dict[str, str]
) -> None:
    changed = world.update(**change)
    assert dict(changed.options) == options
    assert changed.endpoint_count == 2
    assert world.driver.networks[web.id].options == options
    assert [each.network.options for each in world.driver.endpoints.values()] == [options] * 2
    assert world.core.networks.get(Call.internal(5), "web").network.spec.options == options


def test_a_second_update_repairs_what_another_program_damaged(
    world: World, web: network_pb2.Network
) -> None:
    world.update(options={"icc": "false"})
    world.driver.networks.clear()
    world.update(options={"icc": "false"})
    assert world.driver.networks[web.id].options == {"icc": "false", "vlan": "7"}


def test_a_container_that_comes_later_finds_the_new_options(
    world: World, web: network_pb2.Network
) -> None:
    world.update(options={"icc": "false"})
    endpoint = world.connect("c3")
    assert world.driver.endpoints[endpoint.id].network.options["icc"] == "false"
    again = world.connect("c1")
    assert world.driver.endpoints[again.id].network.options["icc"] == "false"
    assert web.id == again.network_id


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"network": ""}, ["network"]),
        ({"options": {"colour": "red", "icc": "maybe"}}, ["options[colour]", "options[icc]"]),
        ({"labels": {"": "a"}}, ["labels"]),
        ({"labels": {"a": "b" * 4097}}, ["labels"]),
        ({"labels": {LONG: "b"}}, ["labels"]),
        ({"labels": {str(number): "" for number in range(63)}}, ["labels"]),
        ({"labels": {str(number): "" for number in range(65)}}, ["labels"]),
        ({"remove_labels": [str(number) for number in range(65)]}, ["remove_labels"]),
        (
            {"labels": {"a": ""}, "remove_labels": ["b", "a"], "options": {"": ""}},
            ["remove_labels[1]", "options"],
        ),
        (
            {"options": {"icc": "true"}, "remove_options": ["icc"], "network": ""},
            ["network", "remove_options[0]"],
        ),
    ],
    ids=shown,
)
def test_a_refusal_has_all_violations(
    world: World, change: dict[str, Any], faults: list[str]
) -> None:
    before = world.state()
    refused = refusal(world.net.UpdateNetwork, requests.change(**change))
    assert refused.short == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert refused.faults == faults
    assert world.state() == before
    assert world.driver.trouble.calls["update"] == 0


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("change", [{"options": {"vlan": "8"}}, {"remove_options": ["vlan"]}])
def test_an_option_that_cannot_change_is_refused_with_the_way_out(
    world: World, change: dict[str, Any]
) -> None:
    before = world.state()
    asked = requests.change(labels={"team": "blue"}, **{"options": {"icc": "false"}, **change})
    refused = refusal(world.net.UpdateNetwork, asked)
    assert refused.short == ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED")
    assert refused.metadata == {"vlan": "it cannot change"}
    assert refused.message.startswith("these options of network web cannot change while it exists")
    assert "(vlan: it cannot change). Create another network" in refused.message
    assert world.state() == before
    assert world.driver.trouble.calls["update"] == 0


def test_a_network_that_is_not_there_is_not_changed(world: World) -> None:
    refused = refusal(world.net.UpdateNetwork, requests.change("nobody", labels={"a": "b"}))
    assert refused.short == ("NOT_FOUND", "NETWORK_NOT_FOUND")


@pytest.mark.usefixtures("web")
def test_a_network_that_is_being_deleted_is_not_changed(world: World) -> None:
    world.driver.trouble.fail("delete", KernelError("no"))
    refusal(world.net.DeleteNetwork, network_pb2.DeleteNetworkRequest(network="web", force=True))
    refused = refusal(world.net.UpdateNetwork, requests.change(labels={"a": "b"}))
    assert refused.short == ("ABORTED", "BUSY")


@pytest.mark.usefixtures("web")
def test_labels_change_without_the_driver(world: World) -> None:
    hang = world.driver.trouble.hang("update")
    assert world.update(labels={"team": "blue"}).labels["team"] == "blue"
    hang.end()
