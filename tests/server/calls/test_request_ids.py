"""The id of a request: given or generated, in the reply and on its way down."""

import re
import time

import pytest

from mynet.drivers.api import Call, Network
from mynet.v1 import network_pb2
from tests.server.support.requests import create
from tests.server.support.world import World

KEY = "x-request-id"
MADE_UP = re.compile("[0-9a-f]{16}")


def answered(world: World, *metadata: tuple[str, str]) -> str:
    """Call, and return the id that came back."""
    _, call = world.net.ListNetworks.with_call(network_pb2.ListNetworksRequest(), metadata=metadata)
    [value] = [value for key, value in call.initial_metadata() if key == KEY]
    return str(value)


@pytest.mark.parametrize("given", ["a", "ci:job_7.1-b", "9" * 64])
def test_a_given_request_id_is_returned(still_world: World, given: str) -> None:
    assert answered(still_world, (KEY, given)) == given


@pytest.mark.parametrize("given", ["", "9" * 65, "a b", 'a"b', "a/b", "{}"])
def test_an_invalid_request_id_is_replaced(still_world: World, given: str) -> None:
    assert MADE_UP.fullmatch(answered(still_world, (KEY, given)))


def test_each_call_without_an_id_gets_a_new_one(still_world: World) -> None:
    ids = {answered(still_world) for _ in range(10)}
    assert len(ids) == 10
    assert all(MADE_UP.fullmatch(each) for each in ids)


def test_a_refused_call_returns_its_id(still_world: World) -> None:
    future = still_world.net.GetNetwork.future(
        network_pb2.GetNetworkRequest(network="blue"), metadata=((KEY, "seven"),)
    )
    assert future.exception()
    assert (KEY, "seven") in [(key, value) for key, value in future.initial_metadata()]


def test_plugins_get_the_callers_id_deadline_and_cancellation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str, bool, float]] = []

    def listen(call: Call, _: Network) -> None:
        left = call.deadline - time.monotonic()
        told.append((call.request_id, call.principal, call.alive(), left))

    monkeypatch.setattr(world.driver, "create", listen)
    world.net.CreateNetwork(create(), metadata=((KEY, "seven"),), timeout=5)
    [(request_id, principal, alive, left)] = told
    assert (request_id, alive) == ("seven", True)
    assert principal.startswith("unix:")
    assert 0 < left < 5.1  # less than what plugins have without it
