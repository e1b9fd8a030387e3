"""An examination of a daemon that serves: what it finds, what it mends, what it leaves alone."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

import pytest

from mynet.drivers.errors import KernelError
from mynet.ipam.api import AllocateRequest, Subnet
from mynet.ipam.testing import SampleCall
from mynet.server.reconcile.recovery import recover
from mynet.v1 import network_pb2
from tests.server.support.findings import mended
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


def require_mended(world: World, *problems: tuple[str, str]) -> None:
    """State that these are found, changed by nothing but a repair, and by that for good."""
    before = world.state()
    assert found(world) == [(*each, False) for each in problems]
    assert world.state() == before
    assert found(world, repair=True) == [(*each, True) for each in problems]
    assert found(world) == []


def test_where_all_is_well_nothing_is_found_or_changed(world: World) -> None:
    world.connect("loose")
    world.create_subnet("10.8.0.0/24")
    world.allocate("10.9.0.0/24", owner="vm-7")
    before = world.state()
    assert found(world, repair=True) == []
    assert world.state() == before


def test_an_address_that_a_book_has_lost_is_taken_again(
    world: World, web: network_pb2.Endpoint
) -> None:
    world.backend.release_owner(CALL, f"endpoint:{web.id}")
    require_mended(world, (name(web), "Its address 10.1.0.2 is not allocated to it."))
    assert world.held()["10.1.0.2"] == f"endpoint:{web.id}"


def test_a_book_that_is_lost_whole_is_begun_anew(world: World, web: network_pb2.Endpoint) -> None:
    (network,) = world.networks()
    world.backend.release_owner(CALL, f"endpoint:{web.id}")
    world.backend.release_owner(CALL, f"network:{network.id}")
    world.backend.close_subnet(CALL, WEB.cidr)
    gateway = "Its gateway address 10.1.0.1 is not allocated to it."
    lost = "Its address 10.1.0.2 is not allocated to it."
    require_mended(
        world,
        ("subnet 10.1.0.0/24", "Backend bitmap has lost its book."),
        ("network web", gateway),
        (name(web), lost),
    )


def test_an_address_that_another_has_by_now_stays_theirs(
    world: World, web: network_pb2.Endpoint
) -> None:
    world.backend.release_owner(CALL, f"endpoint:{web.id}")
    world.backend.allocate(CALL, AllocateRequest(WEB, "vm-7", ip_address("10.1.0.2")))
    for _ in range(2):
        ((subject, problem, repaired),) = found(world, repair=True)
        assert (subject, repaired) == (name(web), False)
        assert "Mending it failed: 10.1.0.2 is held" in problem
        assert world.held()["10.1.0.2"] == "vm-7"
    world.disconnect("c1")
    assert world.connect("c1", netns_name="c1").addresses == ["10.1.0.3/24"]


def test_connecting_again_takes_a_lost_address_too_or_says_who_has_it(
    world: World, web: network_pb2.Endpoint
) -> None:
    world.backend.release_owner(CALL, f"endpoint:{web.id}")
    assert world.connect("c1", netns_name="c1") == web
    assert world.held()["10.1.0.2"] == f"endpoint:{web.id}"
    world.backend.release_owner(CALL, f"endpoint:{web.id}")
    world.backend.allocate(CALL, AllocateRequest(WEB, "vm-7", ip_address("10.1.0.2")))
    refused = refusal(world.net.Connect, connect("c1", netns_name="c1"))
    assert refused.reason == "ADDRESS_IN_USE"


def test_what_an_endpoint_without_a_record_holds_is_released(world: World) -> None:
    for owner in ("endpoint:dead", "network:dead"):
        world.backend.allocate(CALL, AllocateRequest(WEB, owner))
    problem = "It holds addresses in backend bitmap, and there is no record of it."
    require_mended(world, ("endpoint dead", problem), ("network dead", problem))


def test_a_subnet_that_only_its_backend_knows_is_booked_again(world: World) -> None:
    stray = Subnet(ip_network("10.7.0.0/24"))
    world.backend.open_subnet(CALL, stray.cidr)
    world.backend.allocate(CALL, AllocateRequest(stray, "vm-7", ip_address("10.7.0.9")))
    problem = "Addresses of it are held in backend bitmap, and it is not in the book."
    require_mended(world, ("subnet 10.7.0.0/24", problem))
    world.release("10.7.0.0/24", "10.7.0.9", owner="vm-7")
    assert "10.7.0.0/24" not in world.subnets()


def test_a_subnet_in_the_way_of_another_is_left_to_people(world: World) -> None:
    wide = Subnet(ip_network("10.1.0.0/16"))
    world.backend.open_subnet(CALL, wide.cidr)
    world.backend.allocate(CALL, AllocateRequest(wide, "vm-7", ip_address("10.1.9.9")))
    ((subject, problem, repaired),) = found(world, repair=True)
    assert (subject, repaired) == ("subnet 10.1.0.0/16", False)
    assert "shares addresses with 10.1.0.0/24 of network web" in problem


def test_a_network_that_the_kernel_lacks_is_made_again(world: World) -> None:
    world.driver.networks.clear()
    require_mended(world, ("network web", "br-web is not there."))


def test_what_carries_a_mark_without_a_record_is_removed(world: World) -> None:
    lost = world.connect("c2")
    record = world.store.endpoints.get(lost.id)
    assert record
    world.store.endpoints.remove(record)
    world.backend.release_owner(CALL, f"endpoint:{lost.id}")
    problem = f"It carries the mark of {lost.id[:12]}, of which there is no record."
    require_mended(world, (f"thing {lost.id}", problem))


def test_what_a_call_works_on_is_left_to_it(world: World) -> None:
    hanging = world.driver.trouble.hang("connect")
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(world.connect, "c2")
        hanging.await_victim()
        assert found(world, repair=True) == []
        hanging.end()
        assert making.result().container_id == "c2"
    assert found(world) == []


def test_a_step_that_cannot_be_taken_is_a_finding(world: World) -> None:
    world.driver.trouble.fail("check_network", KernelError("no"))
    world.driver.trouble.fail("orphans", KernelError("no"))
    world.driver.networks.clear()
    assert found(world, repair=True) == [
        ("network web", "It could not be examined: no.", False),
        ("driver bridge", "It could not be examined: no.", False),
    ]
    assert mended(recover(world.core.doctor)) == ["network web"]
