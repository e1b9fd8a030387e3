"""ListDrivers and ListBackends: the loaded plugins, and the refused ones with the reason."""

from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.refusals import refusal
from tests.server.support.requests import create
from tests.server.support.world import TORN, World


def test_drivers_are_listed_by_name_with_their_capabilities(still_world: World) -> None:
    answer = still_world.net.ListDrivers(network_pb2.ListDriversRequest())
    assert [driver.name for driver in answer.drivers] == ["bridge", "other", "torn"]
    assert answer.drivers[0] == network_pb2.Driver(
        name="bridge",
        distribution="mynetd",
        version="0.1.0",
        api_version=1,
        state=network_pb2.DRIVER_STATE_LOADED,
        capabilities=["ipv6", "ports"],
        options=[
            network_pb2.DriverOption(name="icc", description="whether endpoints reach each other"),
            network_pb2.DriverOption(name="vlan", description="the tag"),
        ],
        endpoint_options=[network_pb2.DriverOption(name="rate", description="the limit")],
    )


def test_a_refused_driver_is_listed_with_the_reason(still_world: World) -> None:
    answer = still_world.net.ListDrivers(network_pb2.ListDriversRequest())
    assert answer.drivers[2] == network_pb2.Driver(
        name="torn",
        distribution="mynet-torn",
        version="0.3",
        state=network_pb2.DRIVER_STATE_FAILED,
        error=TORN,
    )


def test_backends_are_listed_by_name_with_their_capabilities(still_world: World) -> None:
    answer = still_world.ipam.ListBackends(ipam_pb2.ListBackendsRequest())
    assert [backend.name for backend in answer.backends] == ["bitmap", "spare", "torn"]
    assert answer.backends[1] == ipam_pb2.Backend(
        name="spare",
        distribution="mynetd",
        version="0.1.0",
        api_version=1,
        state=ipam_pb2.BACKEND_STATE_LOADED,
        capabilities=["volatile"],
    )


def test_a_refused_backend_is_listed_with_the_reason(still_world: World) -> None:
    answer = still_world.ipam.ListBackends(ipam_pb2.ListBackendsRequest())
    assert answer.backends[2] == ipam_pb2.Backend(
        name="torn",
        distribution="mynet-torn",
        version="0.3",
        state=ipam_pb2.BACKEND_STATE_FAILED,
        error=TORN,
    )


def test_a_refused_plugin_cannot_be_used_and_the_error_has_the_reason(still_world: World) -> None:
    for field, reason in (("driver", "DRIVER_NOT_FOUND"), ("ipam", "BACKEND_NOT_FOUND")):
        refused = refusal(still_world.net.CreateNetwork, create(**{field: "torn"}))
        assert refused.short == ("NOT_FOUND", reason)
        assert TORN in refused.message
        refused = refusal(still_world.net.CreateNetwork, create(**{field: "lost"}))
        assert refused.short == ("NOT_FOUND", reason)
        assert "there is: b" in refused.message
