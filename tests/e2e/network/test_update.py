"""UpdateNetwork on the real kernel: it takes effect at once, and connections go on."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import grpc
import pytest

from mynet.v1.network_pb2 import Network, UpdateNetworkRequest
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.namespace import PATIENCE, Namespace, talk
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed

BLUE = {4: "10.88.0.2", 6: "fd88::2"}
ROUTED = {"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}

by_family = pytest.mark.parametrize("version", [4, 6], ids="IPv{}".format)


def update(daemon: Daemon, **fields: Any) -> Network:
    request = UpdateNetworkRequest(network="blue", **fields)
    return daemon.net.UpdateNetwork(request).network


@contextmanager
def conversation(client: Namespace, server: Namespace, address: str) -> Iterator[Callable[[], str]]:
    """Yield a function that sends a word over one connection and back, and returns its source.

    The function raises TimeoutError where the connection has died.
    """
    with (
        server.listen(address) as listener,
        client.dial(address, listener.getsockname()[1]) as near,
        listener.accept()[0] as far,
    ):

        def say() -> str:
            word = os.urandom(9)
            for sender, receiver in ((near, far), (far, near)):
                receiver.settimeout(PATIENCE)
                sender.sendall(word)
                assert receiver.recv(100) == word
            peer: str = far.getpeername()[0]
            return peer

        yield say


@pytest.fixture
def way_back(daemon: Daemon) -> Iterator[None]:
    """Give the outside routes to network blue."""
    outside = daemon.testbed.outside
    outside.run("ip", "route", "add", "10.88.0.0/24", "via", HOST[0])
    outside.run("ip", "route", "add", "fd88::/64", "via", HOST[1])
    yield
    outside.run("ip", "route", "del", "10.88.0.0/24")
    outside.run("ip", "route", "del", "fd88::/64")


@by_family
@pytest.mark.usefixtures("blue", "way_back")
def test_connections_keep_their_addresses_when_a_network_becomes_routed_and_back(
    daemon: Daemon, one: Sandbox, two: Sandbox, version: int
) -> None:
    daemon.connect("one")
    daemon.connect("two")
    outside, far, near = daemon.testbed.outside, OUTSIDE[version == 6], BLUE[version]
    with (
        conversation(one, outside, far) as leaving,
        conversation(two, one, near) as neighbours,
        conversation(daemon.testbed, one, near) as from_the_host,
    ):
        kept = [say() for say in (leaving, neighbours, from_the_host)]
        assert kept[0] == HOST[version == 6]

        update(daemon, options=ROUTED)
        assert talk(one, outside, far) == near
        with conversation(outside, one, near) as entering:
            assert entering() == far
            assert [say() for say in (leaving, neighbours, from_the_host)] == kept

            update(daemon, remove_options=list(ROUTED))
            assert talk(one, outside, far) == HOST[version == 6]
            assert entering() == far
            assert [say() for say in (leaving, neighbours, from_the_host)] == kept
    assert not outside.pings(near, within=0.3)


@by_family
@pytest.mark.usefixtures("blue")
def test_icc_false_separates_sandboxes_and_leaves_other_traffic(
    daemon: Daemon, one: Sandbox, two: Sandbox, version: int
) -> None:
    daemon.connect("one")
    daemon.connect("two")
    neighbour = {4: "10.88.0.3", 6: "fd88::3"}[version]
    assert one.pings(neighbour)
    with (
        conversation(one, daemon.testbed.outside, OUTSIDE[version == 6]) as leaving,
        conversation(daemon.testbed, one, BLUE[version]) as from_the_host,
    ):
        kept = [leaving(), from_the_host()]
        update(daemon, options={"icc": "false"})
        assert not one.pings(neighbour, within=0.3)
        assert [leaving(), from_the_host()] == kept
        update(daemon, options={"icc": "true"})
        assert two.pings(BLUE[version])
        assert [leaving(), from_the_host()] == kept


def isolated(testbed: Testbed) -> set[bool]:
    """Return whether the bridge's ports are isolated. Like: ``ip -d link``."""
    links = testbed.json("ip", "-d", "-j", "link", "show", "master", "br-blue")
    return {link["linkinfo"]["info_slave_data"]["isolated"] for link in links}


def test_a_daemon_killed_at_work_leaves_a_change_whole_or_none_of_it(
    empty_testbed: Testbed,
) -> None:
    Sandbox(empty_testbed, "one")
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    daemon.connect("one")
    daemon.connect("loose", netns_path="")  # a start does not make its interface again
    answered: list[int] = []

    def change() -> None:
        for number in count(1):
            options = {"icc": "false" if number % 2 else "true"}
            try:
                update(daemon, labels={"number": str(number)}, options=options)
            except grpc.RpcError:
                return
            answered.append(number)

    with ThreadPoolExecutor(1) as caller:
        changing = caller.submit(change)
        eventually(lambda: len(answered) > 5)
        daemon.signal(signal.SIGKILL)
        changing.result(PATIENCE)
    daemon.wait()

    again = Daemon(empty_testbed)
    [network] = again.networks()
    number = int(network.labels["number"])
    assert number in (answered[-1], answered[-1] + 1)
    assert network.options["icc"] == ("false" if number % 2 else "true")
    assert isolated(empty_testbed) == {bool(number % 2)}
    assert ("br_icc" in empty_testbed.firewall()) == (number % 2 == 0)
    assert [again.problems(endpoint) for endpoint in again.endpoints()] == [[], []]
