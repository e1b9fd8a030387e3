"""What a sandbox may send: options that change while in use, and damage that is healed."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Protocol

import pytest

from mynet.v1.network_pb2 import DisconnectRequest, UpdateEndpointRequest, UpdateNetworkRequest
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.forging import FOREIGN_MAC, GATEWAYS, OTHERS, sends_as
from tests.e2e.support.namespace import PATIENCE, Namespace, talk
from tests.e2e.support.testbed import Sandbox

ALLOWED = {4: "10.9.0.7", 6: "fd09::7"}
MANY = 20  # new flows of a test

by_family = pytest.mark.parametrize("version", [4, 6], ids="IPv{}".format)
pytestmark = pytest.mark.usefixtures("blue")


class Update(Protocol):
    def __call__(self, daemon: Daemon, **fields: Any) -> None: ...


def update_endpoint(daemon: Daemon, **fields: Any) -> None:
    asked = UpdateEndpointRequest(network="blue", container_id="one", **fields)
    daemon.net.UpdateEndpoint(asked)


def update_network(daemon: Daemon, **fields: Any) -> None:
    daemon.net.UpdateNetwork(UpdateNetworkRequest(network="blue", **fields))


@contextmanager
def conversation(client: Namespace, server: Namespace) -> Iterator[Callable[[], None]]:
    """Yield a function that sends words over one TCP connection and back."""
    with (
        server.listen("10.88.0.2") as listener,
        client.dial("10.88.0.2", listener.getsockname()[1]) as near,
        listener.accept()[0] as far,
    ):

        def goes_on() -> None:
            for sender, receiver in ((near, far), (far, near)):
                word = os.urandom(8)
                receiver.settimeout(PATIENCE)
                sender.sendall(word)
                assert receiver.recv(100) == word

        yield goes_on


@pytest.mark.parametrize("update", [update_endpoint, update_network])
def test_spoof_check_changes_while_connections_go_on(
    daemon: Daemon, one: Sandbox, update: Update
) -> None:
    daemon.connect("one")
    with conversation(daemon.testbed, one) as goes_on:
        for option in ("true", "false", "true", "false"):
            update(daemon, options={"spoof_check": option})
            for source in OTHERS.values():
                for mac in ("", FOREIGN_MAC):
                    assert sends_as(daemon, one, source, mac=mac) is (option == "false")
            assert daemon.problems(daemon.endpoints()[0]) == []
            goes_on()
        update(daemon, remove_options=["spoof_check"])
        assert not sends_as(daemon, one, OTHERS[4])


@pytest.mark.parametrize("update", [update_endpoint, update_network])
def test_allowed_addresses_change_while_the_endpoint_is_in_use(
    daemon: Daemon, one: Sandbox, update: Update
) -> None:
    daemon.connect("one")
    for version, source in ALLOWED.items():
        update(daemon, options={"allowed_addresses": "10.9.0.0/24,fd09::/64"})
        assert sends_as(daemon, one, source)
        assert not sends_as(daemon, one, source, mac=FOREIGN_MAC)
        assert not sends_as(daemon, one, OTHERS[version])
        update(daemon, remove_options=["allowed_addresses"])
        assert not sends_as(daemon, one, source)


@by_family
def test_no_allowed_prefix_makes_a_sandbox_the_gateway(
    daemon: Daemon, one: Sandbox, version: int
) -> None:
    daemon.connect("one", options={"allowed_addresses": "0.0.0.0/0,::/0"})
    assert sends_as(daemon, one, OTHERS[version])
    assert not sends_as(daemon, one, GATEWAYS[version])


def test_a_sandbox_on_two_networks_sends_from_its_addresses_by_both(
    daemon: Daemon, one: Sandbox
) -> None:
    daemon.create("red", "10.77.0.0/24", "fd77::/64")
    red = daemon.connect("one", network="red")
    blue = daemon.connect("one")
    for kept in (red, None):
        for address in blue.addresses:
            assert sends_as(daemon, one, address.partition("/")[0])
        for address in red.addresses:
            source = address.partition("/")[0]
            assert sends_as(daemon, one, source, network="blue") is (kept is red)
        if kept is red:
            daemon.net.Disconnect(DisconnectRequest(network="red", container_id="one"))
    assert not {"sandbox_ip4", "sandbox_ip6"} & daemon.testbed.firewall().keys()


def test_a_sandbox_on_two_networks_answers_by_its_best_route_without_the_check(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    """Not with the addresses of others, and with what it is allowed to."""
    daemon.create("red", "10.77.0.0/24", "fd77::/64")
    mine = daemon.connect("one", network="red")
    others = daemon.connect("two", network="red")
    daemon.connect("one", options={"spoof_check": "false"})
    for address in mine.addresses:
        assert sends_as(daemon, one, address.partition("/")[0])
    for address in others.addresses:
        assert not sends_as(daemon, one, address.partition("/")[0])
        assert not sends_as(daemon, one, address.partition("/")[0], mac=FOREIGN_MAC)
    allowed = ",".join(address.partition("/")[0] for address in others.addresses)
    update_endpoint(daemon, options={"allowed_addresses": allowed})
    for address in others.addresses:
        assert sends_as(daemon, one, address.partition("/")[0])


def arriving(client: Namespace, server: Namespace, address: str, expected: int = MANY) -> int:
    """Return how many of many new flows of UDP arrive: those expected are waited for."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ExitStack() as stack:

        def opened(where: Namespace) -> socket.socket:
            made = where.inside(lambda: socket.socket(family, socket.SOCK_DGRAM))
            return stack.enter_context(made)

        listener = opened(server)
        listener.bind((address, 0))
        for _ in range(MANY):
            opened(client).sendto(b"hello", listener.getsockname()[:2])
        count = 0
        with suppress(TimeoutError):
            while count < MANY:
                listener.settimeout(PATIENCE if count < expected else 1)
                listener.recv(100)
                count += 1
        return count


def test_a_sandbox_opens_no_more_connections_than_its_limit(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    daemon.connect("one", options={"conntrack_limit": "5"})
    daemon.connect("two")
    assert arriving(one, daemon.testbed, GATEWAYS[4], 5) == 5
    assert arriving(one, daemon.testbed, GATEWAYS[6], 0) == 0  # both families count together
    assert arriving(two, daemon.testbed, GATEWAYS[4]) == MANY
    assert arriving(daemon.testbed, one, "10.88.0.2") == MANY  # only what it opens counts


def test_a_limit_of_connections_changes_while_the_endpoint_is_in_use(
    daemon: Daemon, one: Sandbox
) -> None:
    daemon.connect("one", options={"conntrack_limit": "1"})
    assert arriving(one, daemon.testbed, GATEWAYS[4], 1) == 1
    update_endpoint(daemon, options={"conntrack_limit": "7"})
    assert arriving(one, daemon.testbed, GATEWAYS[4], 7) == 7
    update_endpoint(daemon, options={"conntrack_limit": "0"})
    assert arriving(one, daemon.testbed, GATEWAYS[4]) == MANY
    update_endpoint(daemon, remove_options=["conntrack_limit"])
    update_network(daemon, options={"conntrack_limit": "3"})
    assert arriving(one, daemon.testbed, GATEWAYS[6], 3) == 3


def test_a_renamed_bridge_keeps_the_limit(daemon: Daemon, one: Sandbox) -> None:
    daemon.connect("one", options={"conntrack_limit": "5"})
    daemon.signal(signal.SIGSTOP)  # or the name is restored
    try:
        daemon.testbed.run("ip", "link", "set", "br-blue", "name", "lan9")
        assert arriving(one, daemon.testbed, GATEWAYS[4], 5) == 5
    finally:
        daemon.signal(signal.SIGCONT)
    eventually(lambda: "br-blue" in daemon.testbed.links())


@pytest.mark.parametrize(
    "damage",
    [
        "flush ruleset",
        "delete table bridge mynet",
        "flush chain bridge mynet arp_packet",
        "insert rule bridge mynet from_port accept",
        "flush set bridge mynet own_ip4",
        "flush set bridge mynet own_mac",
        "flush set inet mynet conntrack_limits",
        "flush set inet mynet too_fast",
        "flush map bridge mynet ports",
        "flush set inet mynet members4",
    ],
)
def test_what_another_program_damages_is_healed(daemon: Daemon, one: Sandbox, damage: str) -> None:
    daemon.connect("one")
    before = daemon.everything()
    daemon.testbed.run("nft", damage)
    eventually(lambda: daemon.everything() == before)
    talk(daemon.testbed, one, "10.88.0.2")
    for source in OTHERS.values():
        assert not sends_as(daemon, one, source)


def test_disconnect_leaves_no_elements(daemon: Daemon, one: Sandbox, two: Sandbox) -> None:
    before = daemon.testbed.firewall()
    daemon.connect(one.name, options={"allowed_addresses": "10.9.0.0/24,fd09::/64"})
    daemon.connect(two.name, options={"spoof_check": "false"})
    added = daemon.testbed.firewall().keys() - before.keys()
    assert added >= {"own_mac", "own_ip4", "own_ip6", "nd_own_ip", "nd_own_mac", "unguarded"}
    assert added >= {"allowed_ip4", "allowed_ip6", "nd_allowed_ip", "conntrack_limits"}
    assert added >= {"ports", "too_fast", "fast"}
    daemon.disconnect("one")
    daemon.disconnect("two")
    assert daemon.testbed.firewall() == before


def test_a_pair_that_is_made_again_gets_its_elements_again(daemon: Daemon, one: Sandbox) -> None:
    endpoint = daemon.connect("one")
    index = daemon.testbed.links()[endpoint.host_interface]["ifindex"]
    before = daemon.testbed.firewall()
    daemon.testbed.run("ip", "link", "del", endpoint.host_interface)
    eventually(lambda: endpoint.host_interface in daemon.testbed.links())
    eventually(lambda: "10.88.0.2/24" in one.addresses("eth0"))
    talk(daemon.testbed, one, "10.88.0.2")
    assert daemon.testbed.links()[endpoint.host_interface]["ifindex"] != index
    after = daemon.testbed.firewall()
    assert {name: len(after[name]) for name in after} == {
        name: len(before[name]) for name in before
    }
    assert not sends_as(daemon, one, OTHERS[4])


def test_a_port_without_elements_is_closed(daemon: Daemon, one: Sandbox) -> None:
    """As it is between the messages that make a link and those that admit it."""
    daemon.connect("one")
    daemon.signal(signal.SIGSTOP)
    try:
        for name in ("own_ip4", "own_ip6"):
            daemon.testbed.run("nft", "flush", "set", "bridge", "mynet", name)
        for gateway in GATEWAYS.values():
            assert not one.pings(gateway, within=1)
    finally:
        daemon.signal(signal.SIGCONT)
    for gateway in GATEWAYS.values():
        eventually(lambda gateway=gateway: one.pings(gateway, within=1))  # type: ignore[misc]
