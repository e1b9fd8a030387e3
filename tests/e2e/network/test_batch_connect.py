"""BatchConnect and BatchDisconnect, as the system shows what they made."""

from collections.abc import Callable

import pytest

from mynet.v1 import network_pb2 as pb
from tests.e2e.support.daemon import Daemon, connect
from tests.e2e.support.namespace import talk
from tests.e2e.support.testbed import HOST, Sandbox

SANDBOXES = 20


@pytest.mark.usefixtures("blue")
def test_every_sandbox_of_a_batch_is_reached_and_leaves_with_the_others(
    daemon: Daemon, new_sandbox: Callable[[str], Sandbox]
) -> None:
    before = daemon.testbed.state()
    sandboxes = [new_sandbox(f"c{number}") for number in range(SANDBOXES)]
    requests = [
        connect(sandbox.name, ports=[pb.PortMapping(host_port=8000 + number, container_port=80)])
        for number, sandbox in enumerate(sandboxes)
    ]
    requests.insert(7, connect("gone"))
    outcomes = daemon.net.BatchConnect(pb.BatchConnectRequest(requests=requests)).outcomes
    assert outcomes.pop(7).failure.reason == "SANDBOX_NOT_FOUND"
    for number, (sandbox, outcome) in enumerate(zip(sandboxes, outcomes, strict=True)):
        assert sandbox.addresses("eth0") == set(outcome.endpoint.addresses)
        with (
            sandbox.listen("0.0.0.0", 80) as listener,  # noqa: S104 - in the sandbox
            daemon.testbed.outside.dial(HOST[0], 8000 + number),
        ):
            listener.accept()[0].close()
    first, last = sandboxes[0], sandboxes[-1]
    talk(first, last, outcomes[-1].endpoint.addresses[0].partition("/")[0])

    selectors = [pb.DisconnectRequest(container_id=sandbox.name) for sandbox in sandboxes]
    selectors.append(pb.DisconnectRequest(container_id="gone"))
    gone = daemon.net.BatchDisconnect(pb.BatchDisconnectRequest(requests=selectors)).outcomes
    assert gone.pop().failure.reason == "ENDPOINT_NOT_FOUND"
    assert [outcome.endpoints[0].id for outcome in gone] == [
        outcome.endpoint.id for outcome in outcomes
    ]
    assert all(sandbox.links().keys() == {"lo"} for sandbox in sandboxes)
    assert daemon.testbed.state() == before
