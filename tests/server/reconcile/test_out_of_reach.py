"""A sandbox that lives although no path leads to it: its endpoint stays as it is."""

import pytest

from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.errors import KernelError
from mynet.v1 import network_pb2
from tests.server.support.stack import Stack


def look(stack: Stack, *, repair: bool = False) -> list[network_pb2.Finding]:
    return list(stack.net.Doctor(network_pb2.DoctorRequest(repair=repair)).findings)


@pytest.mark.parametrize("can_tell", [True, False])
def test_an_endpoint_whose_sandbox_lives_is_kept(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, *, can_tell: bool
) -> None:
    """A driver that cannot tell is no reason to remove anything."""

    def living(_driver: object, _call: object, endpoints: object) -> list[str]:
        if not can_tell:
            raise KernelError("no answer")
        return [endpoint.id for endpoint in endpoints]  # type: ignore[attr-defined]

    monkeypatch.setattr(BridgeDriver, "living", living)
    stack.network()
    endpoint = stack.connect("c1", netns_name="c1")
    stack.kernel.delete_sandbox("/run/netns/c1")
    for repair in (False, True):
        assert "out of reach" in " ".join(finding.problem for finding in look(stack, repair=repair))
    listed = stack.net.ListEndpoints(network_pb2.ListEndpointsRequest()).endpoints
    assert [kept.id for kept in listed] == [endpoint.id]
    stack.disconnect("c1")
