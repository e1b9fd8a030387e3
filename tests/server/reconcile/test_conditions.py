"""Conditions of networks: requested of the drivers for each response, and never an error of it."""

import pytest

from mynet.drivers.api import Condition
from mynet.drivers.errors import KernelError
from mynet.v1 import network_pb2
from tests.server.support.requests import create
from tests.server.support.world import World

DOCKER = Condition("Docker drops its packets.", "Run:", ("iptables -N a", "iptables -I b"))
SHOWN = network_pb2.Condition(
    problem=DOCKER.problem, remedy=DOCKER.remedy, commands=DOCKER.commands
)


@pytest.fixture(autouse=True)
def walls(world: World) -> None:
    for number, name in enumerate(("web", "api", "db"), 1):
        world.network(name, f"10.{number}.0.0/24")
    world.network("far", "10.9.0.0/24", driver="other")
    world.driver.walls = {"api": DOCKER}
    world.driver.looks.clear()
    world.other.looks.clear()


def get(world: World, name: str) -> network_pb2.Network:
    return world.net.GetNetwork(network_pb2.GetNetworkRequest(network=name)).network


def examine(world: World, *, repair: bool = False) -> list[network_pb2.Finding]:
    return list(world.net.Doctor(network_pb2.DoctorRequest(repair=repair)).findings)


def test_each_response_with_a_network_has_its_conditions(world: World) -> None:
    assert list(get(world, "api").conditions) == [SHOWN]
    assert list(get(world, "web").conditions) == []
    label = network_pb2.UpdateNetworkRequest(network="api", labels={"a": "b"})
    assert list(world.net.UpdateNetwork(label).network.conditions) == [SHOWN]
    world.driver.walls = {"new": DOCKER}
    made = world.net.CreateNetwork(create("new", "10.4.0.0/24")).network
    assert list(made.conditions) == [SHOWN]
    assert list(get(world, "api").conditions) == []  # nothing is kept


def test_a_page_asks_each_driver_once(world: World) -> None:
    listed = world.networks()
    assert [(each.name, len(each.conditions)) for each in listed] == [
        ("web", 0),
        ("api", 1),
        ("db", 0),
        ("far", 0),
    ]
    assert world.driver.looks == [["web", "api", "db"]]
    assert world.other.looks == [["far"]]


def test_the_doctor_reports_conditions_and_does_not_repair_them(world: World) -> None:
    for repair in (False, True):
        (found,) = examine(world, repair=repair)
        assert found == network_pb2.Finding(
            object="network api",
            problem=DOCKER.problem,
            remedy=DOCKER.remedy,
            commands=DOCKER.commands,
        )
    world.driver.walls = {}
    assert examine(world) == []


def test_a_start_reports_conditions_after_its_repairs(world: World) -> None:
    world.driver.networks.clear()
    found = world.core.doctor.recover()
    assert [(each.subject, each.repaired) for each in found] == [
        ("network web", True),
        ("network api", True),
        ("network db", True),
        ("network api", False),
    ]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KernelError("the kernel refused"), "is not known: the kernel refused."),
        (RuntimeError("boom"), "is not known: driver bridge broke in conditions: RuntimeError"),
    ],
)
def test_an_error_of_the_driver_is_a_condition_of_its_networks(
    world: World, error: Exception, words: str
) -> None:
    world.driver.trouble.fail("conditions", error)
    web, api, db, far = world.networks()
    for network in (web, api, db):
        (told,) = network.conditions
        assert words in told.problem
    assert list(far.conditions) == []
    assert list(get(world, "web").conditions) == []


def test_a_hung_driver_does_not_prevent_get_network(world: World) -> None:
    hang = world.driver.trouble.hang("conditions")
    web, *_, far = world.networks()
    assert "driver bridge did not answer conditions in time" in web.conditions[0].problem
    assert list(far.conditions) == []
    hang.end()
    assert list(get(world, "web").conditions) == []
