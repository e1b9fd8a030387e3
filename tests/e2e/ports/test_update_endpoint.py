"""UpdateEndpoint of the real daemon changes ports, and leaves standing connections alone."""

import signal
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from mynet.v1.network_pb2 import (
    Endpoint,
    Network,
    PortMapping,
    UpdateEndpointRequest,
)
from tests.e2e.support.daemon import Daemon, refusal
from tests.e2e.support.namespace import PATIENCE
from tests.e2e.support.published_ports import (
    ADDRESSES,
    DNS,
    GATEWAYS,
    MANY,
    WEB,
    answered,
    by_family,
    elements,
    is_free,
    program,
    reached,
)
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed

TLS = PortMapping(host_port=8443, container_port=443)


def update(daemon: Daemon, container: str = "one", **fields: Any) -> Endpoint:
    request = UpdateEndpointRequest(network="blue", container_id=container, **fields)
    return daemon.net.UpdateEndpoint(request).endpoint


@by_family
@pytest.mark.usefixtures("blue")
def test_a_connection_lives_on_while_ports_come_and_go(
    daemon: Daemon, one: Sandbox, family: int
) -> None:
    daemon.connect("one", ports=[WEB, DNS])
    at, outside = (ADDRESSES[family], 80), daemon.testbed.outside
    with ExitStack() as stack:
        listener = stack.enter_context(one.listen(*at))
        near = stack.enter_context(outside.dial(HOST[family], 8080))
        far = stack.enter_context(listener.accept()[0])
        changes: Sequence[dict[str, Any]] = (
            {"ports": [TLS, MANY]},
            {"remove_ports": [DNS], "ports": [PortMapping(host_port=1234, container_port=80)]},
            {"ports": [WEB], "replace_ports": True},
            {"ports": [TLS], "replace_ports": True},  # new connections are refused from now on
        )
        for change in changes:
            update(daemon, **change)
            for sender, receiver in ((near, far), (far, near)):
                receiver.settimeout(PATIENCE)
                sender.sendall(b"still here")
                assert receiver.recv(100) == b"still here"
        with pytest.raises(ConnectionRefusedError):
            outside.dial(HOST[family], 8080)
    seen = reached(outside, one, (ADDRESSES[family], 443), (HOST[family], 8443))
    assert seen == OUTSIDE[family]


@by_family
@pytest.mark.usefixtures("blue")
def test_a_published_port_is_reached_and_one_that_is_not_is_free(
    daemon: Daemon, one: Sandbox, two: Sandbox, family: int
) -> None:
    outside, testbed = daemon.testbed.outside, daemon.testbed
    daemon.connect("one", ports=[WEB])
    daemon.connect("two")
    before = elements(testbed)
    changed = update(daemon, ports=[DNS, MANY], remove_ports=[WEB])
    assert elements(testbed) - before == 2
    assert daemon.problems(changed) == []
    assert answered(outside, one, (ADDRESSES[family], 53), (HOST[family], 5300)) == OUTSIDE[family]
    assert reached(outside, one, (ADDRESSES[family], 9100), (HOST[family], 9100))
    assert is_free(testbed, 8080)
    assert not is_free(testbed, 9050)
    update(daemon, "two", ports=[WEB])
    address = ("10.88.0.3", "fd88::3")[family]
    assert reached(outside, two, (address, 80), (HOST[family], 8080)) == OUTSIDE[family]
    update(daemon, replace_ports=True)
    update(daemon, "two", replace_ports=True)
    assert elements(testbed) == 0
    assert is_free(testbed, 9050)
    assert is_free(testbed, 5300, socket.SOCK_DGRAM)


@pytest.mark.usefixtures("blue")
def test_an_endpoint_that_had_no_port_reaches_its_own_when_it_has_one(
    daemon: Daemon, one: Sandbox
) -> None:
    """With br_netfilter that takes hairpin mode, and by 127.0.0.1 it takes route_localnet."""
    daemon.testbed.run("sh", "-c", "echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables")
    daemon.connect("one")
    update(daemon, ports=[WEB])
    assert reached(one, one, (ADDRESSES[0], 80), (GATEWAYS[0], 8080)) == GATEWAYS[0]
    assert reached(daemon.testbed, one, (ADDRESSES[0], 80), ("127.0.0.1", 8080)) == GATEWAYS[0]


@pytest.mark.usefixtures("blue", "one", "two")
def test_a_refusal_leaves_everything_as_it_was(daemon: Daemon) -> None:
    daemon.connect("one", ports=[WEB])
    holder = daemon.connect("two", ports=[TLS])
    before, count = daemon.everything(), elements(daemon.testbed)
    asked = UpdateEndpointRequest(network="blue", container_id="one", ports=[MANY, TLS])
    asked.remove_ports.append(WEB)
    refused = refusal(daemon.net.UpdateEndpoint, asked)
    assert refused.reason == "PORT_IN_USE"
    assert holder.id[:12] in refused.message
    with program(daemon.testbed, 22):
        asked = UpdateEndpointRequest(network="blue", container_id="one")
        asked.ports.add(host_port=22, container_port=22)
        assert refusal(daemon.net.UpdateEndpoint, asked).reason == "PORT_IN_USE"
    assert (daemon.everything(), elements(daemon.testbed)) == (before, count)
    assert is_free(daemon.testbed, 9000)


def test_an_update_outlives_a_daemon_that_is_killed(empty_testbed: Testbed) -> None:
    testbed, one = empty_testbed, Sandbox(empty_testbed, "one")
    daemon = Daemon(testbed)
    daemon.create("blue")
    daemon.connect("one", ports=[WEB])
    changed = update(daemon, ports=[TLS], remove_ports=[WEB], labels={"a": "b"})
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    again = Daemon(testbed)
    assert list(again.endpoints()) == [changed]
    assert again.problems(changed) == []
    assert is_free(testbed, 8080)
    assert not is_free(testbed, 8443)
    assert reached(testbed.outside, one, (ADDRESSES[0], 443), (HOST[0], 8443)) == OUTSIDE[0]
    assert again.connect("one", ports=[TLS], labels={"a": "b"}) == changed


@pytest.mark.usefixtures("blue")
def test_mynetctl_changes_ports_and_labels(daemon: Daemon, one: Sandbox, blue: Network) -> None:
    testbed = daemon.testbed
    testbed.run("mynetctl", "connect", "--netns", "one", "-p", "8080:80", blue.name, "one")
    (endpoint,) = daemon.endpoints()
    words = "--publish-rm 80 -p 9090:80 -p 443 --label version=2"
    said = testbed.run("mynetctl", "endpoint", "update", *words.split(), endpoint.id[:9])
    assert said.strip() == endpoint.id
    (changed,) = daemon.endpoints()
    assert changed.ports[0].host_port == 9090
    assert changed.labels["version"] == "2"
    assert reached(testbed.outside, one, (ADDRESSES[0], 80), (HOST[0], 9090)) == OUTSIDE[0]
