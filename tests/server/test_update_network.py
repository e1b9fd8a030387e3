"""UpdateNetwork: labels and options of a network that is there."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mynet.drivers.errors import KernelError
from mynet.drivers.linux.verbs import Segment
from mynet.server.call import Call
from mynet.server.recovery import recover
from mynet.v1 import network_pb2
from tests.server.asking import LONG, connect, eventually, refusal, shown
from tests.server.stack import Stack
from tests.server.world import World

LABELS = {"team": "red", "tier": "web"}


@pytest.fixture
def web(world: World) -> network_pb2.Network:
    """A network with labels and options, and two endpoints on it."""
    made = world.network("web", labels=LABELS, options={"icc": "true", "vlan": "7"})
    world.connect("c1")
    world.connect("c2")
    return made


def request(network: str = "web", **fields: Any) -> network_pb2.UpdateNetworkRequest:
    return network_pb2.UpdateNetworkRequest(network=network, **fields)


def update(world: World | Stack, **fields: Any) -> network_pb2.Network:
    return world.net.UpdateNetwork(request(**fields)).network


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
def test_labels_are_set_and_taken_away_and_what_is_not_named_stays(
    world: World, change: dict[str, Any], labels: dict[str, str]
) -> None:
    for _ in range(2):
        changed = update(world, **change)
        assert dict(changed.labels) == labels
        assert dict(changed.options) == {"icc": "true", "vlan": "7"}
        assert world.networks() == [changed]
    assert world.driver.trouble.calls["update"] == 0


def test_a_network_is_found_by_its_id_or_the_beginning_of_it(
    world: World, web: network_pb2.Network
) -> None:
    for number, selector in enumerate((web.id, web.id[:9], "web")):
        labels = {"number": str(number)}
        assert update(world, network=selector, labels=labels).labels["number"] == str(number)


def test_only_what_differs_gets_a_new_revision(world: World, web: network_pb2.Network) -> None:
    assert update(world, labels=LABELS, options={"icc": "true"}) == web.__class__(
        **{**_fields(web), "endpoint_count": 2}
    )
    first = update(world, options={"icc": "false"})
    assert first.revision > web.revision
    assert update(world, options={"icc": "false"}).revision == first.revision


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
    changed = update(world, **change)
    assert dict(changed.options) == options
    assert changed.endpoint_count == 2
    assert world.driver.networks[web.id].options == options
    assert [each.network.options for each in world.driver.endpoints.values()] == [options] * 2
    assert world.core.networks.get("web").network.wish.options == options


def test_a_second_call_mends_what_somebody_has_damaged_since(
    world: World, web: network_pb2.Network
) -> None:
    update(world, options={"icc": "false"})
    world.driver.networks.clear()
    update(world, options={"icc": "false"})
    assert world.driver.networks[web.id].options == {"icc": "false", "vlan": "7"}


def test_a_container_that_comes_later_finds_the_new_options(
    world: World, web: network_pb2.Network
) -> None:
    update(world, options={"icc": "false"})
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
def test_a_request_with_faults_is_refused_with_all_of_them(
    world: World, change: dict[str, Any], faults: list[str]
) -> None:
    before = world.state()
    refused = refusal(world.net.UpdateNetwork, request(**change))
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
    asked = request(labels={"team": "blue"}, **{"options": {"icc": "false"}, **change})
    refused = refusal(world.net.UpdateNetwork, asked)
    assert refused.short == ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED")
    assert refused.metadata == {"vlan": "it cannot change"}
    assert refused.message.startswith("options of network web stay as they are while it is there")
    assert "(vlan: it cannot change). Make another network" in refused.message
    assert world.state() == before
    assert world.driver.trouble.calls["update"] == 0


def test_a_network_that_is_not_there_is_not_changed(world: World) -> None:
    refused = refusal(world.net.UpdateNetwork, request("nobody", labels={"a": "b"}))
    assert refused.short == ("NOT_FOUND", "NETWORK_NOT_FOUND")


@pytest.mark.usefixtures("web")
def test_a_network_on_its_way_out_is_not_changed(world: World) -> None:
    world.driver.trouble.fail("delete", KernelError("no"))
    refusal(world.net.DeleteNetwork, network_pb2.DeleteNetworkRequest(network="web", force=True))
    refused = refusal(world.net.UpdateNetwork, request(labels={"a": "b"}))
    assert refused.short == ("ABORTED", "BUSY")


@pytest.mark.usefixtures("web")
def test_labels_change_though_the_driver_is_not_to_be_had(world: World) -> None:
    hang = world.driver.trouble.hang("update")
    assert update(world, labels={"team": "blue"}).labels["team"] == "blue"
    hang.end()


# --- failures ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_a_driver_that_fails_is_told_again_what_the_network_was(
    world: World, *, late: bool
) -> None:
    before = world.state()
    world.driver.trouble.fail("update", KernelError("no"), late=late)
    refused = refusal(world.net.UpdateNetwork, request(options={"icc": "false"}, labels={"a": "b"}))
    assert refused.reason == "KERNEL_ERROR"
    assert world.state() == before
    assert world.driver.trouble.calls["update"] == 2


@pytest.mark.usefixtures("web")
def test_a_change_that_cannot_be_recorded_is_taken_back(world: World) -> None:
    before = world.state()
    with world.broken_write():
        refused = refusal(world.net.UpdateNetwork, request(options={"icc": "false"}))
    assert refused.reason == "STORE_UNAVAILABLE"
    assert world.state() == before
    assert update(world, options={"icc": "false"}).options["icc"] == "false"


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_a_change_whose_driver_hangs_is_taken_back_when_it_returns(
    world: World, *, late: bool
) -> None:
    before = world.state()
    hang = world.driver.trouble.hang("update", late=late)
    with world.patience(0.2):
        refused = refusal(world.net.UpdateNetwork, request(options={"icc": "false"}))
    assert refused.short == ("DEADLINE_EXCEEDED", "PLUGIN_TIMEOUT")
    hang.end()
    assert eventually(lambda: world.driver.trouble.calls["update"] == 2)
    assert eventually(lambda: world.driver.trouble.idle and world.state() == before)


@pytest.mark.usefixtures("web")
def test_what_is_taken_back_late_is_what_the_record_says_by_then(world: World) -> None:
    hang = world.driver.trouble.hang("update")
    with world.patience(0.2):
        refusal(world.net.UpdateNetwork, request(options={"icc": "false"}))
    update(world, labels={"team": "blue"})
    hang.end()
    assert eventually(lambda: world.driver.trouble.calls["update"] == 2)
    assert eventually(lambda: world.driver.trouble.idle)
    [network] = world.driver.networks.values()
    assert network.options == {"icc": "true", "vlan": "7"}
    assert world.networks()[0].labels["team"] == "blue"


@pytest.mark.usefixtures("web")
def test_what_is_taken_back_late_waits_for_those_who_have_come_since(world: World) -> None:
    changing = world.driver.trouble.hang("update")
    with world.patience(0.2):
        refusal(world.net.UpdateNetwork, request(options={"icc": "false"}))
    connecting = world.driver.trouble.hang("connect")
    call = world.net.Connect.future(connect("c3"))
    connecting.await_victim()
    changing.end()
    assert eventually(lambda: world.queue("network") == 2)
    assert world.driver.trouble.calls["update"] == 1
    connecting.end()
    endpoint = call.result(10).endpoint
    assert eventually(lambda: world.driver.trouble.calls["update"] == 2)
    assert eventually(lambda: world.driver.trouble.idle)
    assert world.driver.endpoints[endpoint.id].network.options["icc"] == "true"


@pytest.mark.usefixtures("web")
def test_a_network_that_is_deleted_meanwhile_is_not_brought_back(world: World) -> None:
    hang = world.driver.trouble.hang("update")
    with world.patience(0.2):
        refusal(world.net.UpdateNetwork, request(options={"icc": "false"}))
    deleting = network_pb2.DeleteNetworkRequest(network="web", force=True)
    assert refusal(world.net.DeleteNetwork, deleting).reason == "BUSY"  # but it is on its way out
    hang.end()
    assert eventually(lambda: world.driver.trouble.idle)
    world.net.DeleteNetwork(deleting)
    assert eventually(lambda: "late-undo" not in [each.name for each in threading.enumerate()])
    assert world.driver.trouble.calls["update"] == 1
    assert world.driver.networks == {}


@pytest.mark.usefixtures("web")
def test_a_change_for_a_caller_who_has_gone_is_taken_back(world: World) -> None:
    before = world.state()
    hang = world.driver.trouble.hang("update")
    call = world.net.UpdateNetwork.future(request(options={"icc": "false"}))
    hang.await_victim()
    call.cancel()
    assert eventually(lambda: not _caller(world)())
    hang.end()
    assert eventually(lambda: world.driver.trouble.calls["update"] == 2)
    assert eventually(lambda: world.driver.trouble.idle and world.state() == before)


def _caller(world: World) -> Callable[[], bool]:
    caller = world.driver.trouble.caller
    assert caller
    return caller.alive


@pytest.mark.usefixtures("web")
def test_a_connect_waits_for_a_change_and_finds_it_made(world: World) -> None:
    hang = world.driver.trouble.hang("update")
    changing = world.net.UpdateNetwork.future(request(options={"icc": "false"}))
    hang.await_victim()
    connecting = world.net.Connect.future(connect("c3"))
    assert eventually(lambda: world.queue("network") == 2)
    hang.end()
    endpoint = connecting.result(10).endpoint
    assert changing.result(10).network.options["icc"] == "false"
    assert world.driver.endpoints[endpoint.id].network.options["icc"] == "false"


# --- over the real driver ---------------------------------------------------------------------


def isolated(stack: Stack) -> dict[str, bool]:
    return {link.name: link.isolated for link in stack.kernel.links() if link.kind == "veth"}


@pytest.fixture
def lan(stack: Stack) -> set[str]:
    """A network with an endpoint in a sandbox and one without; return the host's ends of both."""
    stack.network("web", "10.1.0.0/24", "fd00:1::/64")
    made = (stack.connect("c1", netns_name="c1"), stack.connect("loose", interface="cif-loose"))
    return {endpoint.host_interface for endpoint in made}


def test_endpoints_are_kept_apart_and_let_together_again(stack: Stack, lan: set[str]) -> None:
    before = stack.state()
    for icc, apart in (("false", True), ("true", False)):
        update(stack, options={"icc": icc})
        assert {name for name, on in isolated(stack).items() if on} == (lan if apart else set())
        assert stack.kernel.segments["br-web"].icc is not apart
        assert all(stack.problems(each.id) == [] for each in stack.endpoints())
    update(stack, remove_options=["icc"])
    after = stack.state()
    assert {key: after[key] for key in after if key != "networks"} == {
        key: before[key] for key in before if key != "networks"
    }


@pytest.mark.usefixtures("lan")
def test_a_family_is_routed_and_masqueraded_again(stack: Stack) -> None:
    nat = stack.kernel.segments["br-web"]
    options = {"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}
    update(stack, options=options)
    assert stack.kernel.segments == {"br-web": Segment("br-web", routed=(4, 6))}
    update(stack, remove_options=list(options))
    assert stack.kernel.segments == {"br-web": nat}


def test_what_contradicts_what_stays_is_refused(stack: Stack) -> None:
    stack.network("web", internal=True)
    asked = request(options={"gateway_mode_ipv4": "routed"})
    refused = refusal(stack.net.UpdateNetwork, asked)
    assert refused.faults == ["options[gateway_mode_ipv4]"]
    asked = request(options={"gateway_mode_ipv4": "isolated"})
    refused = refusal(stack.net.UpdateNetwork, asked)
    assert refused.short == ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED")
    assert "isolated would have the host's address come or go" in refused.message


@pytest.mark.parametrize("point", ["ensure_bridge", "add_segment", "enable_forwarding", "isolate"])
@pytest.mark.usefixtures("lan")
def test_a_failure_at_any_step_leaves_the_network_as_it_was(stack: Stack, point: str) -> None:
    before = stack.state()
    stack.kernel.fail(point)
    asked = request(options={"icc": "false", "gateway_mode_ipv4": "routed"}, labels={"a": "b"})
    assert refusal(stack.net.UpdateNetwork, asked).reason == "KERNEL_ERROR"
    assert stack.state() == before


@pytest.mark.parametrize("made", ["false", "true"])
def test_the_next_start_takes_back_what_was_not_recorded(
    stack: Stack, lan: set[str], made: str
) -> None:
    """As after kill -9 between the kernel and the record: nobody was there to take it back."""
    recorded = {"false": "true", "true": "false"}[made]
    update(stack, options={"icc": recorded})
    before = stack.state()
    [network] = stack.store.networks.all()
    wish = replace(network.wish, options={"icc": made})
    changed, endpoints = replace(network, wish=wish), stack.store.endpoints.all()
    stack.core.updates.settle(Call.internal(5), changed, endpoints)
    assert stack.state() != before
    done = recover(stack.store, stack.core)
    assert (done["failures"], done["networks settled"]) == (0, 1)
    assert stack.state() == before
    apart = {name for name, on in isolated(stack).items() if on}
    assert apart == (lan if recorded == "false" else set())
