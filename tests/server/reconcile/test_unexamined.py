"""What ``Doctor`` could not look at, because a driver does not do it."""

import pytest

from mynet.drivers.api import Driver
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.v1 import network_pb2
from tests.server.support.stack import Stack


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("check_network", "driver bridge: it does not compare the devices of its 1 networks."),
        ("probe", "driver bridge: it sends no packets of its own."),
    ],
)
def test_a_verb_that_a_driver_lacks_is_said(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, verb: str, words: str
) -> None:
    stack.network()
    monkeypatch.setattr(BridgeDriver, verb, getattr(Driver, verb))
    answer = stack.net.Doctor(network_pb2.DoctorRequest(probe=True))
    assert list(answer.unexamined) == [words]


def test_all_of_the_bridge_driver_is_examined(stack: Stack) -> None:
    stack.network()
    answer = stack.net.Doctor(network_pb2.DoctorRequest(probe=True))
    assert list(answer.unexamined) == []
