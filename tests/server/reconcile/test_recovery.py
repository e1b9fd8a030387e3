"""Recovery at a start: interrupted calls are undone or completed, and networks restored."""

from collections.abc import Callable

import pytest

from mynet.drivers.errors import DriverError, KernelError
from mynet.ipam.testing import SampleCall
from mynet.server.calls.call import Call
from mynet.server.reconcile import doctor, sandboxes
from mynet.server.reconcile.findings import Examination
from mynet.v1 import network_pb2
from tests.server.support.findings import repaired, unrepaired
from tests.server.support.polling import eventually
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect, create
from tests.server.support.world import World

CALL = SampleCall()
Crash = Callable[[World], None]


def crash_in_create(world: World) -> None:
    world.driver.trouble.fail("create", KernelError("no"), late=True)
    world.driver.trouble.fail("delete", KernelError("no"))
    refusal(world.net.CreateNetwork, create("api", "10.2.0.0/24"))


def crash_in_delete(world: World) -> None:
    world.network("api", "10.2.0.0/24")
    world.driver.trouble.fail("delete", KernelError("no"))
    refusal(world.net.DeleteNetwork, network_pb2.DeleteNetworkRequest(network="api"))


def crash_in_forced_delete(world: World) -> None:
    world.network("api", "10.2.0.0/24")
    world.connect("c7", network="api")
    world.connect("c8", network="api")
    world.driver.trouble.fail("disconnect", KernelError("no"))
    asked = network_pb2.DeleteNetworkRequest(network="api", force=True)
    refusal(world.net.DeleteNetwork, asked)


def crash_in_connect(world: World) -> None:
    world.driver.trouble.fail("connect", KernelError("no"), late=True)
    world.driver.trouble.fail("disconnect", KernelError("no"))
    refusal(world.net.Connect, connect("c9"))


def crash_in_disconnect(world: World) -> None:
    world.connect("c6")
    world.driver.trouble.fail("disconnect", KernelError("no"))
    refusal(world.net.Disconnect, network_pb2.DisconnectRequest(container_id="c6"))


def crash_while_a_subnet_is_dropped(world: World) -> None:
    held = world.allocate()
    with world.broken_write():
        world.release(held.subnet, held.address)


CRASHES = [
    crash_in_create,
    crash_in_delete,
    crash_in_forced_delete,
    crash_in_connect,
    crash_in_disconnect,
    crash_while_a_subnet_is_dropped,
]


@pytest.fixture(autouse=True)
def web(world: World) -> None:
    world.network("web", "10.1.0.0/24", "fd00:1::/64")
    world.sandbox("c1")
    world.connect("c1", netns_name="c1")


@pytest.mark.parametrize("crash", CRASHES)
def test_interrupted_calls_are_undone_and_other_objects_stay(world: World, crash: Crash) -> None:
    before = world.state()
    crash(world)
    assert world.state() != before
    found = world.core.doctor.recover()
    assert found
    assert unrepaired(found) == []
    assert world.state() == before


def test_all_kinds_of_crashes_are_recovered_at_once(world: World) -> None:
    before = world.state()
    for crash in CRASHES[2:]:
        crash(world)
    found = world.core.doctor.recover()
    assert world.state() == before
    assert unrepaired(found) == []
    *containers, network, subnet = sorted(repaired(found))
    assert len(containers) == 3  # one of the network's two went before the crash
    assert (network, subnet) == ("network api", "subnet 10.9.0.0/24")


def test_endpoints_that_differ_from_their_record_are_repaired(world: World) -> None:
    before = world.state()
    world.driver.problems = ["It is not there."]
    world.driver.endpoints.clear()
    (found,) = world.core.doctor.recover()
    assert found.subject.endswith("of container c1")
    assert (found.problem, found.repaired) == ("It is not there.", True)
    assert world.state() == before


def test_the_interface_of_a_caller_is_reported_and_not_repaired(world: World) -> None:
    loose = world.connect("loose")
    world.driver.problems = ["It is not there."]
    found = world.core.doctor.recover()
    assert unrepaired(found) == [f"endpoint {loose.id[:12]} of container loose"]
    assert "Disconnect it and connect it again" in found[-1].remedy


def test_an_endpoint_without_its_sandbox_is_removed_and_its_successor_gets_its_addresses(
    world: World,
) -> None:
    world.sandbox("c2")
    endpoint = world.connect("c2", netns_name="c2")
    world.host.remove_sandbox("/run/netns/c2")
    (found,) = world.core.doctor.recover()
    assert found.problem == "Its sandbox, which was at /run/netns/c2, is gone."
    assert [endpoint.container_id for endpoint in world.endpoints()] == ["c1"]
    assert f"endpoint:{endpoint.id}" not in world.held().values()
    world.sandbox("c2")
    assert world.connect("c2", netns_name="c2").addresses == endpoint.addresses


def test_the_new_path_of_a_sandbox_is_recorded(world: World) -> None:
    world.host.move_sandbox("/run/netns/c1", "/proc/4711/ns/net")
    (before,) = world.endpoints()
    (found,) = world.core.doctor.recover()
    assert "not at /run/netns/c1 any more, but at /proc/4711/ns/net" in found.problem
    (endpoint,) = world.endpoints()
    assert endpoint.netns_path == "/proc/4711/ns/net"
    assert (endpoint.id, endpoint.addresses) == (before.id, before.addresses)
    assert world.core.doctor.recover() == []


def test_endpoints_of_an_earlier_boot_are_removed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.connect("loose")
    monkeypatch.setattr(sandboxes, "boot_id", lambda: "another boot")
    found = world.core.doctor.recover()
    assert {each.problem for each in found} == {"It is of an earlier boot of this host."}
    assert world.endpoints() == []
    assert [network.name for network in world.driver.networks.values()] == ["web"]


def test_each_driver_restores_its_own_networks_even_none(world: World) -> None:
    other = world.network("lan", "10.3.0.0/24", driver="other")
    world.driver.networks.clear()
    assert repaired(world.core.doctor.recover()) == ["network web"]
    assert [network.name for network in world.driver.networks.values()] == ["web"]
    assert list(world.other.networks) == [other.id]
    world.delete("lan")
    world.core.doctor.recover()
    assert world.other.trouble.calls["restore"] == 2


@pytest.mark.parametrize("crash", CRASHES[:5])
def test_a_failed_step_keeps_its_record_for_the_next_start(world: World, crash: Crash) -> None:
    before = world.state()
    crash(world)
    for verb in ("disconnect", "delete", "restore"):
        world.driver.trouble.fail(verb, DriverError("no"), times=9)
    records = world.store.networks.all(), world.store.endpoints.all()
    assert unrepaired(world.core.doctor.recover())
    assert (world.store.networks.all(), world.store.endpoints.all()) == records
    world.driver.trouble.end()
    assert unrepaired(world.core.doctor.recover()) == []
    assert world.state() == before


def test_a_network_that_is_being_deleted_is_not_restored_for_its_endpoints(world: World) -> None:
    crash_in_forced_delete(world)
    world.driver.trouble.fail("disconnect", DriverError("no"), times=9)
    assert unrepaired(world.core.doctor.recover())
    assert world.driver.trouble.calls["update"] == 0


def test_a_failed_step_does_not_prevent_the_others(world: World) -> None:
    for crash in (crash_in_connect, crash_in_delete):
        crash(world)
    world.driver.trouble.fail("disconnect", DriverError("no"))
    found = world.core.doctor.recover()
    assert len(unrepaired(found)) == 1
    assert "network api" in repaired(found)
    assert [driver.trouble.calls["restore"] for driver in (world.driver, world.other)] == [1, 1]
    assert [endpoint.container_id for endpoint in world.endpoints()] == ["c1", "c9"]


def test_a_failed_removal_does_not_prevent_the_others(
    world: World,
) -> None:
    for number in range(2, 6):
        world.connect(f"c{number}", netns_path=world.sandbox(f"c{number}"))
    for number in range(1, 6):
        world.host.remove_sandbox(f"/run/netns/c{number}")
    world.driver.trouble.fail("disconnect", DriverError("no"), times=2)  # for all, and for the one
    found = world.core.doctor.recover()
    (kept,) = world.endpoints()
    assert kept.container_id == "c1"
    assert f"endpoint {kept.id[:12]} of container c1" in unrepaired(found)
    assert len(repaired(found)) == 4
    world.core.doctor.recover()
    assert world.endpoints() == []


def test_recovery_after_a_boot_takes_one_commit_of_each_database(world: World) -> None:
    for number, backend in enumerate(("bitmap", "spare", "bitmap", "spare"), 2):
        world.network(f"n{number}", f"10.2.{number}.0/24", ipam=backend)
        world.connect(f"c{number}", network=f"n{number}", netns_path=world.sandbox(f"c{number}"))
        world.host.remove_sandbox(f"/run/netns/c{number}")
    before = world.store.networks.all()
    found = world.core.doctor.recover()
    assert len(repaired(found)) == 4
    assert [endpoint.container_id for endpoint in world.endpoints()] == ["c1"]
    for fake in (world.backend, world.spare):
        assert fake.trouble.calls["release_owners"] == 1
    held = {*world.held().values(), *world.spare.held().values()}
    (owner,) = (binding for binding in held if binding.startswith("endpoint:"))
    assert owner == f"endpoint:{world.endpoints()[0].id}"
    assert world.store.networks.all() == before


def test_networks_that_cannot_be_restored_together_are_restored_one_by_one(world: World) -> None:
    world.network("api", "10.2.0.0/24")
    world.driver.networks.clear()
    world.driver.trouble.fail("restore", DriverError("one of two could not be restored"))
    found = world.core.doctor.recover()
    assert sorted(repaired(found)) == ["network api", "network web"]
    assert unrepaired(found) == ["driver bridge"]
    names = sorted(network.name for network in world.driver.networks.values())
    assert names == ["api", "web"]


@pytest.mark.parametrize("verb", ["check_network", "restore", "orphans", "check"])
def test_a_hung_driver_is_waited_for_once(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """It keeps no other from its turn, and the start has an end."""
    for number in range(2, 9):
        world.connect(f"c{number}", netns_path=world.sandbox(f"c{number}"))
        world.network(f"n{number}", f"10.2.{number}.0/24")
    other = world.network("lan", "10.3.0.0/24", driver="other")
    world.other.networks.clear()
    hang = world.driver.trouble.hang(verb, times=99)
    monkeypatch.setattr(doctor, "_RECOVERY_TIMEOUT", 0.5)
    found = world.core.doctor.recover()
    assert hang.victims == 1
    assert any("driver bridge did not answer" in each.problem for each in found)
    assert list(world.other.networks) == [other.id]
    hang.end()
    assert eventually(lambda: world.driver.trouble.idle)
    assert unrepaired(world.core.doctor.recover()) == []


@pytest.mark.parametrize("verb", ["usage", "allocations"])
def test_a_hung_backend_is_waited_for_once(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    for number in range(2, 9):
        world.network(f"n{number}", f"10.2.{number}.0/24")
    hang = world.backend.trouble.hang(verb, times=99)
    monkeypatch.setattr(doctor, "_RECOVERY_TIMEOUT", 0.5)
    found = world.core.doctor.recover()
    assert hang.victims == 1
    assert any("backend bitmap did not answer" in each.problem for each in found)
    hang.end()
    assert eventually(lambda: world.backend.trouble.idle)
    assert unrepaired(world.core.doctor.recover()) == []


def test_an_endpoint_that_cannot_be_repaired_is_failed_and_keeps_its_addresses(
    world: World,
) -> None:
    (before,) = world.endpoints()
    world.driver.problems = ["It is not there."]
    world.driver.endpoints.clear()
    for _ in range(2):
        world.driver.trouble.fail("connect", KernelError("the kernel is full"))
        assert unrepaired(world.core.doctor.recover()) == [
            f"endpoint {before.id[:12]} of container c1"
        ]
        (failed,) = world.endpoints()
        assert failed.state == network_pb2.ENDPOINT_STATE_FAILED
        (condition,) = failed.conditions
        assert condition.problem == "It could not be repaired: the kernel is full"
        assert "connect its container again" in condition.remedy
        assert (failed.id, failed.addresses) == (before.id, before.addresses)
    assert failed.revision == before.revision + 1  # the same reason is recorded once
    assert repaired(world.core.doctor.recover()) == ["container c1"]
    (whole,) = world.endpoints()
    assert (whole.state, list(whole.conditions)) == (before.state, [])


def test_an_endpoint_is_failed_while_another_owner_has_its_address(
    world: World,
) -> None:
    (endpoint,) = world.endpoints()
    world.backend.release_owner(CALL, f"endpoint:{endpoint.id}")
    world.allocate("10.1.0.0/24", address="10.1.0.2", owner="vm-7")
    assert unrepaired(world.core.doctor.recover())
    (failed,) = world.endpoints()
    assert failed.state == network_pb2.ENDPOINT_STATE_FAILED
    assert "10.1.0.2" in failed.conditions[0].problem
    again = connect("c1", netns_name="c1")
    assert refusal(world.net.Connect, again).reason == "ADDRESS_IN_USE"
    world.release_owner("vm-7")
    whole = world.net.Connect(again).endpoint
    assert (whole.id, whole.addresses) == (endpoint.id, endpoint.addresses)
    assert (whole.state, list(whole.conditions)) == (endpoint.state, [])


def test_a_failed_endpoint_without_differences_becomes_ready(world: World) -> None:
    (before,) = world.endpoints()
    world.driver.problems = ["It is not there."]
    world.driver.trouble.fail("connect", KernelError("the kernel is full"))
    world.core.doctor.recover()
    world.driver.problems = []
    (found,) = world.core.doctor.recover()
    assert "nothing of it is missing any more" in found.problem
    assert world.endpoints()[0].state == before.state
    assert world.core.doctor.recover() == []


def test_a_repair_after_which_the_endpoint_still_differs_is_not_called_one(world: World) -> None:
    world.driver.is_hopeless = True
    world.driver.problems = ["It is not there."]
    (found,) = world.core.doctor.recover()
    assert not found.repaired
    assert found.problem == "It is not there. The repair failed: It is not there."
    assert found.remedy == "Remove the cause, then run mynetctl doctor --repair."


def test_without_a_repair_the_remedy_is_what_a_repair_would_do(world: World) -> None:
    world.driver.problems = ["It is not there."]
    examination = Examination(lambda: Call.internal(5), repair=False)
    world.core.doctor.examine(examination)
    (found,) = examination.findings
    assert (found.repaired, found.remedy) == (False, "mynetctl doctor --repair repairs it.")
