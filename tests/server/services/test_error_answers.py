"""Every row of the error table, reached over gRPC, with its details."""

from collections.abc import Callable
from typing import Any

import pytest

from mynet.drivers import errors as drivers
from mynet.ipam import errors as ipam
from mynet.server import errors
from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.error_contract import PROMISED, RESOURCE, RETRY, classes
from tests.server.support.refusals import Refusal, refusal
from tests.server.support.requests import allocate, connect, create, create_subnet
from tests.server.support.world import World

Ask = tuple[Callable[..., Any], object]
Arrange = Callable[[World], Ask]


def check(refused: Refusal, kind: type[Exception], named: str) -> None:
    code, reason, details = PROMISED[kind]
    assert refused.short == (code, reason)
    assert refused.domain == "mynet"
    assert refused.kinds == details
    assert named in refused.message
    texts = [str(detail) for name, detail in refused.details.items() if name != "ErrorInfo"]
    assert all(named in text for text in texts if not text.startswith("retry_delay"))
    if details == RETRY:
        assert refused.details["RetryInfo"].retry_delay.ToMilliseconds() > 0


@pytest.mark.parametrize("kind", sorted(classes(drivers) - {drivers.InvalidOptions}, key=str))
def test_an_error_of_a_driver_reaches_the_caller(
    world: World, kind: type[drivers.DriverError]
) -> None:
    before = world.state()
    error = kind("thing x stands in the way", resource="thing x", metadata={"errno": "EIO"})
    world.driver.trouble.fail("create", error)
    refused = refusal(world.net.CreateNetwork, create())
    check(refused, kind, "thing x" if PROMISED[kind][2] != RESOURCE else "x")
    assert refused.metadata == {"errno": "EIO"}
    assert world.state() == before


@pytest.mark.parametrize("kind", sorted(classes(ipam), key=str))
def test_an_error_of_a_backend_reaches_the_caller(world: World, kind: type[ipam.IpamError]) -> None:
    before = world.state()
    error = kind("thing x stands in the way", resource="thing x", holder="vm-7")
    world.backend.trouble.fail("open_subnet", error)
    refused = refusal(world.ipam.AllocateAddress, allocate())
    check(refused, kind, "thing x" if PROMISED[kind][2] != RESOURCE else "x")
    if PROMISED[kind][2] == RESOURCE:
        assert refused.details["ResourceInfo"].owner == "vm-7"
    assert world.state() == before


def test_invalid_options_of_a_driver_are_violations(world: World) -> None:
    error = drivers.InvalidOptions("they contradict", {"icc": "goes without vlan"})
    world.driver.trouble.fail("create", error)
    refused = refusal(world.net.CreateNetwork, create(options={"icc": "true"}))
    check(refused, drivers.InvalidOptions, "")
    assert refused.faults == ["network.options[icc]"]


def test_a_bug_of_the_daemon_reveals_no_details(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(type(world.core.networks), "get", broken)
    asked = network_pb2.GetNetworkRequest(network="web")
    refused = refusal(world.net.GetNetwork, asked)
    assert refused.short == ("INTERNAL", "INTERNAL")
    assert "RuntimeError" in refused.message
    assert "secret" not in refused.message


def to_create(*words: str, **fields: str) -> Arrange:
    return lambda world: (world.net.CreateNetwork, create(*words, **fields))


def to(verb: str, **fields: str) -> Arrange:
    def arrange(world: World) -> Ask:
        stub, module = (
            (world.net, network_pb2) if hasattr(world.net, verb) else (world.ipam, ipam_pb2)
        )
        return getattr(stub, verb), getattr(module, f"{verb}Request")(**fields)

    return arrange


def to_connect_again(world: World) -> Ask:
    world.connect("c1")
    return world.net.Connect, connect("c1", mac_address="02:00:00:00:00:01")


def to_get_one_of_two(world: World) -> Ask:
    for interface in ("lan0", "lan1"):
        world.connect("c1", interface=interface)
    return to("GetEndpoint", network="web", container_id="c1")(world)


def to_delete_with_an_endpoint(world: World) -> Ask:
    world.connect("c1")
    return to("DeleteNetwork", network="web")(world)


def to_connect_to_what_is_half_gone(world: World) -> Ask:
    world.driver.trouble.fail("delete", drivers.KernelError("no"))
    refusal(*to("DeleteNetwork", network="web")(world))
    return to("Connect", network="web", container_id="c1")(world)


def to_delete_a_subnet_in_use(world: World) -> Ask:
    world.create_subnet()
    world.allocate()
    return to("DeleteSubnet", subnet="10.9.0.0/24")(world)


def to_create_subnet(cidr: str) -> Arrange:
    return lambda world: (world.ipam.CreateSubnet, create_subnet(cidr))


TEN = {"subnet": "10.1.0.0/24"}
CORE: dict[type[Exception], tuple[str, Arrange]] = {
    errors.InvalidArgument: ("network.name", to_create("")),
    errors.Ambiguous: ("c1", to_get_one_of_two),
    errors.NetworkNotFound: ("blue", to("GetNetwork", network="blue")),
    errors.EndpointNotFound: ("c9", to("GetEndpoint", network="web", container_id="c9")),
    errors.SubnetNotFound: ("10.9.0.0/24", to("GetSubnet", subnet="10.9.0.0/24")),
    errors.DriverNotFound: ("lost", to_create("b", driver="lost")),
    errors.BackendNotFound: ("lost", to_create("b", ipam="lost")),
    errors.NetworkExists: ("web", to_create("web")),
    errors.EndpointExists: ("", to_connect_again),
    errors.NetworkInUse: ("network web", to_delete_with_an_endpoint),
    errors.SubnetOverlap: ("10.1.0.0/24", to_create("b", "10.0.0.0/8")),
    errors.SubnetExists: ("10.1.0.0/24", to_create_subnet("10.1.0.0/24")),
    errors.SubnetInUse: ("10.9.0.0/24", to_delete_a_subnet_in_use),
    errors.LimitExceeded: ("limit max_request_bytes", to_create("b", driver="x" * (4 << 20))),
    errors.PoolsExhausted: ("IPv4", to_create_subnet("0.0.0.0/8")),
    errors.AddressOwned: ("10.1.0.1", to("ReleaseAddress", **TEN, address="10.1.0.1")),
    errors.Busy: ("network web", to_connect_to_what_is_half_gone),
    drivers.SandboxNotFound: (
        "lost",
        to("Connect", network="web", container_id="c1", netns_name="lost"),
    ),
    ipam.AllocationNotFound: ("10.1.0.9", to("ReleaseAddress", **TEN, address="10.1.0.9")),
    ipam.OwnerMismatch: ("", to("ReleaseAddress", **TEN, address="10.1.0.1", owner="vm-7")),
    ipam.AddressInUse: ("10.1.0.1", to("AllocateAddress", **TEN, address="10.1.0.1")),
    ipam.AddressReserved: ("10.1.0.0", to("AllocateAddress", **TEN, address="10.1.0.0")),
    ipam.AddressOutOfRange: ("10.2.0.1", to("AllocateAddress", **TEN, address="10.2.0.1")),
}


@pytest.mark.parametrize(
    ("kind", "named", "arrange"),
    [(kind, *arranged) for kind, arranged in CORE.items()],
    ids=[kind.__name__ for kind in CORE],
)
def test_an_error_of_the_core_reaches_the_caller_and_changes_nothing(
    world: World, kind: type[Exception], named: str, arrange: Arrange
) -> None:
    world.network()
    method, asked = arrange(world)
    before = world.state()
    check(refusal(method, asked), kind, named)
    assert world.state() == before


def test_a_full_disk_reaches_the_caller_and_changes_nothing(world: World) -> None:
    before = world.state()
    with world.broken_write():
        check(refusal(world.net.CreateNetwork, create()), ipam.StoreUnavailable, "disk is full")
    assert world.state() == before


def test_a_slow_plugin_reaches_the_caller(make_world: Callable[..., World]) -> None:
    world = make_world(seconds=0.2)
    world.driver.trouble.hang("create")
    check(refusal(world.net.CreateNetwork, create()), errors.PluginTimeout, "driver bridge")


def test_a_starting_or_stopping_daemon_refuses_calls(make_world: Callable[..., World]) -> None:
    world = make_world(serving=False)
    check(refusal(world.net.CreateNetwork, create()), errors.Starting, "starting")
    world.server.front.drain(0)
    check(refusal(world.net.CreateNetwork, create()), errors.ShuttingDown, "stopping")


def test_each_error_is_tested_here() -> None:
    """Only CALLER_GONE is missing, because a caller that has gone away gets no response.

    ROLE_MISSING is in test_roles.py, OUT_OF_SCOPE in test_scopes.py, TLS_TOO_OLD in test_tls.py.
    """
    below = {errors.PluginTimeout, errors.Starting, errors.ShuttingDown}
    elsewhere = {errors.RoleMissing, errors.OutOfScope, errors.TlsTooOld}
    reached = elsewhere | CORE.keys() | below | classes(drivers) | classes(ipam)
    assert PROMISED.keys() - reached == {errors.CallerGone}
