"""Plugins that break their contract: the error names the plugin, and nothing is left."""

import asyncio

import pytest

from mynet.drivers.errors import DriverError, KernelError
from mynet.ipam.errors import AddressInUse, IpamError
from mynet.server.errors import NetworkNotFound
from tests.server.support.refusals import refusal
from tests.server.support.requests import allocate, connect, create
from tests.server.support.world import World

NONSENSE: list[BaseException] = [
    RuntimeError("rope"),
    StopIteration("rope"),
    TimeoutError("rope"),
    NetworkNotFound("rope"),
    SystemExit("rope"),
    KeyboardInterrupt("rope"),
    GeneratorExit("rope"),
    asyncio.CancelledError("rope"),
    BaseException("rope"),  # as a panic in Rust comes out
]


@pytest.fixture(autouse=True)
def web(world: World) -> None:
    world.network()


@pytest.mark.parametrize(
    "error", [*NONSENSE, IpamError("rope"), AddressInUse("rope")], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_an_unexpected_error_of_a_driver_is_reported_as_its_fault(
    world: World, error: BaseException, *, late: bool
) -> None:
    before = world.state()
    world.driver.trouble.fail("connect", error, late=late)
    refused = refusal(world.net.Connect, connect())
    assert refused.short == ("INTERNAL", "DRIVER_ERROR")
    assert "driver bridge broke in connect" in refused.message
    assert type(error).__name__ in refused.message
    assert world.state() == before


@pytest.mark.parametrize(
    "error", [*NONSENSE, DriverError("rope"), KernelError("rope")], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_an_unexpected_error_of_a_backend_is_reported_as_its_fault(
    world: World, error: BaseException, *, late: bool
) -> None:
    before = world.state()
    world.backend.trouble.fail("open_subnet", error, late=late)
    refused = refusal(world.net.CreateNetwork, create("api", "10.2.0.0/24"))
    assert refused.short == ("INTERNAL", "BACKEND_ERROR")
    assert "backend bitmap broke in open_subnet" in refused.message
    assert world.state() == before


def test_a_broken_rollback_does_not_hide_the_first_error(world: World) -> None:
    world.driver.trouble.fail("connect", KernelError("first"))
    world.driver.trouble.fail("disconnect", RuntimeError("second"))
    refused = refusal(world.net.Connect, connect())
    assert refused.reason == "KERNEL_ERROR"
    assert refused.message == "first"


def test_a_plugin_works_again_after_it_broke(world: World) -> None:
    world.driver.trouble.fail("connect", RuntimeError("rope"), times=3)
    for _ in range(3):
        refusal(world.net.Connect, connect())
    assert world.connect("c1").addresses == ["10.1.0.2/24"]


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_a_subnet_added_for_a_broken_allocation_is_dropped(world: World, *, late: bool) -> None:
    before = world.state()
    world.backend.trouble.fail("open_subnet", RuntimeError("rope"), late=late)
    assert refusal(world.ipam.AllocateAddress, allocate()).reason == "BACKEND_ERROR"
    assert world.state() == before
