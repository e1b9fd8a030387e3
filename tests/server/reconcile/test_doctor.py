"""The Doctor RPC: what it finds, what it repairs, and what it leaves alone."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

import pytest

from mynet.drivers.errors import KernelError
from mynet.ipam.api import AllocateRequest, Subnet
from mynet.ipam.testing import SampleCall
from mynet.v1 import network_pb2
from tests.server.support.findings import repaired
from tests.server.support.refusals import refusal
from tests.server.support.requests import connect
from tests.server.support.world import World

CALL = SampleCall()
WEB = Subnet(ip_network("10.1.0.0/24"))


@pytest.fixture(autouse=True)
def web(world: World) -> network_pb2.Endpoint:
    world.network("web", "10.1.0.0/24")
    world.sandbox("c1")
    return world.connect("c1", netns_name="c1")


def examine(world: World, *, repair: bool = False) -> list[network_pb2.Finding]:
    return list(world.net.Doctor(network_pb2.DoctorRequest(repair=repair)).findings)


def found(world: World, *, repair: bool = False) -> list[tuple[str, str, bool]]:
    return [(each.object, each.problem, each.repaired) for each in examine(world, repair=repair)]


def name(endpoint: network_pb2.Endpoint) -> str:
    return f"endpoint {endpoint.id[:12]} of container {endpoint.container_id}"


def require_repaired(world: World, *problems: tuple[str, str]) -> None:
    """Assert that these problems are found, and that a repair alone solves them, for good."""
    before = world.state()
    assert found(world) == [(*problem, False) for problem in problems]
    assert world.state() == before
    assert found(world, repair=True) == [(*problem, True) for problem in problems]
    assert found(world) == []


def test_nothing_is_found_or_changed_without_damage(world: World) -> None:
    world.connect("loose")
    world.create_subnet("10.8.0.0/24")
    world.allocate("10.9.0.0/24", owner="vm-7")
    before = world.state()
    assert found(world, repair=True) == []
    assert world.state() == before


def test_an_address_that_the_backend_has_lost_is_allocated_again(
    world: World, web: network_pb2.Endpoint
) -> None:
    world.backend.release_owner(CALL, f"endpoint:{web.id}")
    require_repaired(world, (name(web), "Its address 10.1.0.2 is not allocated to it."))
    assert world.held()["10.1.0.2"] == f"endpoint:{web.id}"


def test_the_allocations_of_a_lost_subnet_are_made_again(
    world: World, web: network_pb2.Endpoint
) -> None:
    (network,) = world.networks()
    world.backend.release_owner(CALL, f"endpoint:{web.id}")
    world.backend.release_owner(CALL, f"network:{network.id}")
    world.backend.close_subnet(CALL, WEB.cidr)
    gateway = "Its gateway address 10.1.0.1 is not allocated to it."
    lost = "Its address 10.1.0.2 is not allocated to it."
    require_repaired(
        world,
        ("subnet 10.1.0.0/24", "Backend bitmap has lost its allocations."),
        ("network web", gateway),
        (name(web), lost),
    )


def test_a_lost_address_that_another_owner_has_stays_theirs(
    world: World, web: network_pb2.Endpoint
) -> None:
    world.backend.release_owner(CALL, f"endpoint:{web.id}")
    world.backend.allocate(CALL, AllocateRequest(WEB, "vm-7", ip_address("10.1.0.2")))
    for _ in range(2):
        ((subject, problem, repaired),) = found(world, repair=True)
        assert (subject, repaired) == (name(web), False)
        assert "The repair failed: 10.1.0.2 is held" in problem
        assert world.held()["10.1.0.2"] == "vm-7"
    world.disconnect("c1")
    assert world.connect("c1", netns_name="c1").addresses == ["10.1.0.3/24"]


def test_connect_allocates_a_lost_address_again_unless_another_owner_has_it(
    world: World, web: network_pb2.Endpoint
) -> None:
    world.backend.release_owner(CALL, f"endpoint:{web.id}")
    assert world.connect("c1", netns_name="c1") == web
    assert world.held()["10.1.0.2"] == f"endpoint:{web.id}"
    world.backend.release_owner(CALL, f"endpoint:{web.id}")
    world.backend.allocate(CALL, AllocateRequest(WEB, "vm-7", ip_address("10.1.0.2")))
    refused = refusal(world.net.Connect, connect("c1", netns_name="c1"))
    assert refused.reason == "ADDRESS_IN_USE"


def test_addresses_of_owners_without_a_record_are_released(world: World) -> None:
    for owner in ("endpoint:dead", "network:dead"):
        world.backend.allocate(CALL, AllocateRequest(WEB, owner))
    problem = "It has addresses in backend bitmap, and is not on record."
    require_repaired(world, ("endpoint dead", problem), ("network dead", problem))


def test_a_subnet_that_only_its_backend_has_is_registered_again(world: World) -> None:
    unregistered = Subnet(ip_network("10.7.0.0/24"))
    world.backend.open_subnet(CALL, unregistered.cidr)
    world.backend.allocate(CALL, AllocateRequest(unregistered, "vm-7", ip_address("10.7.0.9")))
    problem = "Backend bitmap has allocated addresses of it, and it is not in the registry."
    require_repaired(world, ("subnet 10.7.0.0/24", problem))
    world.release("10.7.0.0/24", "10.7.0.9", owner="vm-7")
    assert "10.7.0.0/24" not in world.subnets()


def test_an_unregistered_subnet_that_overlaps_is_not_registered(world: World) -> None:
    wide = Subnet(ip_network("10.1.0.0/16"))
    world.backend.open_subnet(CALL, wide.cidr)
    world.backend.allocate(CALL, AllocateRequest(wide, "vm-7", ip_address("10.1.9.9")))
    ((subject, problem, repaired),) = found(world, repair=True)
    assert (subject, repaired) == ("subnet 10.1.0.0/16", False)
    assert "shares addresses with 10.1.0.0/24 of network web" in problem


def test_a_network_that_is_missing_in_the_kernel_is_restored(world: World) -> None:
    world.driver.networks.clear()
    require_repaired(world, ("network web", "br-web is not there."))


def test_an_orphan_is_removed(world: World) -> None:
    lost = world.connect("c2")
    record = world.store.endpoints.get(lost.id)
    assert record
    world.store.endpoints.remove(record)
    world.backend.release_owner(CALL, f"endpoint:{lost.id}")
    problem = f"It carries the mark of {lost.id[:12]}, which is not on record."
    require_repaired(world, (f"thing {lost.id}", problem))


def test_an_object_that_a_call_is_changing_is_skipped(world: World) -> None:
    hanging = world.driver.trouble.hang("connect")
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(world.connect, "c2")
        hanging.await_victim()
        assert found(world, repair=True) == []
        hanging.end()
        assert making.result().container_id == "c2"
    assert found(world) == []


def test_a_check_that_fails_is_a_finding(world: World) -> None:
    world.driver.trouble.fail("check_network", KernelError("no"))
    world.driver.trouble.fail("orphans", KernelError("no"))
    world.driver.networks.clear()
    assert found(world, repair=True) == [
        ("network web", "It could not be examined: no.", False),
        ("driver bridge", "It could not be examined: no.", False),
    ]
    assert repaired(world.core.doctor.recover()) == ["network web"]
