"""What a start makes of the subnets that no network uses: those that a crash left go, or open."""

from mynet.ipam.errors import StoreUnavailable
from tests.server.support.daemon import counted_writes
from tests.server.support.faulty.failure_points import backend, store
from tests.server.support.findings import repaired, unrepaired
from tests.server.support.refusals import refusal
from tests.server.support.requests import allocate, create_subnet
from tests.server.support.samples.documents import MYNET, ask, holding, mynet, subnet
from tests.server.support.stack import Stack
from tests.server.support.world import World

NINE = "10.9.0.0/24"


def crash_in_create_subnet(stack: Stack, cidr: str = NINE) -> None:
    """Leave a subnet in the registry that the backend does not know."""
    with backend(0)(stack), store(1)(stack):
        refusal(stack.ipam.CreateSubnet, create_subnet(cidr, reserved=["10.9.0.1"]))


def crash_in_allocate(stack: Stack, cidr: str = NINE) -> None:
    with backend(0)(stack), store(1, times=9)(stack):
        refusal(stack.ipam.AllocateAddress, allocate(cidr))


def test_a_kept_subnet_that_was_never_opened_is_opened(stack: Stack) -> None:
    crash_in_create_subnet(stack)
    assert stack.subnets() == []
    assert repaired(stack.core.doctor.recover()) == [f"subnet {NINE}"]
    assert stack.subnets() == [NINE]
    assert stack.allocate(NINE).address == "10.9.0.2"


def test_an_automatic_subnet_that_was_never_opened_is_deleted(stack: Stack) -> None:
    before = stack.state()
    crash_in_allocate(stack)
    assert stack.state() != before
    assert repaired(stack.core.doctor.recover()) == [f"subnet {NINE}"]
    assert stack.state() == before


def test_an_automatic_subnet_without_allocations_is_deleted(stack: Stack) -> None:
    before = stack.state()
    stack.allocate(NINE, owner="vm-7")
    with store(0)(stack):
        stack.release_owner("vm-7")
    assert stack.subnets() == [NINE]
    stack.core.doctor.recover()
    assert stack.state() == before


def test_the_kept_subnets_of_an_interrupted_import_stay(
    stack: Stack,
) -> None:
    document = mynet(subnet(NINE, holding("10.9.0.9")), subnet("10.8.0.0/24", kept=True))
    with backend(0)(stack), store(1, times=9)(stack):
        refusal(stack.ipam.ImportSubnets, ask(MYNET, document))
    stack.core.doctor.recover()
    assert stack.subnets() == ["10.8.0.0/24"]
    stack.ipam.ImportSubnets(ask(MYNET, document))
    assert stack.subnets() == ["10.8.0.0/24", NINE]


def test_subnets_in_order_are_not_changed(stack: Stack) -> None:
    stack.create_subnet("10.8.0.0/24")
    stack.create_subnet("10.7.0.0/24", cooldown={"seconds": 60})
    stack.release("10.7.0.0/24", stack.allocate("10.7.0.0/24", sticky_key="a").address)
    stack.allocate(NINE, owner="vm-7")
    stack.network("web", "10.1.0.0/24")
    before = stack.state()
    with (
        counted_writes(stack.store._database) as store_writes,
        counted_writes(stack.bitmap._database) as book_writes,
    ):
        found = stack.core.doctor.recover()
    assert found == []
    assert (store_writes["writes"], book_writes["writes"]) == (0, 0)
    assert stack.state() == before
    assert stack.subnet("10.7.0.0/24").usage.cooling == 1


def test_a_failed_subnet_does_not_prevent_the_others(
    world: World,
) -> None:
    world.create_subnet("10.7.0.0/24", backend="spare")
    world.create_subnet(NINE)
    world.allocate("10.8.0.0/24", owner="vm-7")
    with world.broken_write():
        world.release_owner("vm-7")
    world.spare.trouble.fail("usage", StoreUnavailable("no"))
    found = world.core.doctor.recover()
    assert (unrepaired(found), repaired(found)) == (["subnet 10.7.0.0/24"], ["subnet 10.8.0.0/24"])
    assert world.subnets() == ["10.7.0.0/24", NINE]


def test_a_subnet_of_a_missing_backend_is_not_changed(world: World) -> None:
    world.create_subnet("10.7.0.0/24", backend="spare")
    world.allocate("10.8.0.0/24", owner="vm-7")
    with world.broken_write():
        world.release_owner("vm-7")
    usable = world.backends._usable.pop("spare")
    assert unrepaired(world.core.doctor.recover()) == ["subnet 10.7.0.0/24"]
    assert [str(subnet.cidr) for subnet in world.store.subnets.all()] == ["10.7.0.0/24"]
    world.backends._usable["spare"] = usable
