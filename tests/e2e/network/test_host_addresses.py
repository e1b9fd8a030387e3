"""The addresses of the host that a network leaves by: chosen, or as a default route says."""

import socket
from collections.abc import Iterator

import pytest

from mynet.v1.network_pb2 import GetNetworkRequest, UpdateNetworkRequest
from tests.e2e.support.daemon import Daemon, create, eventually, refusal
from tests.e2e.support.namespace import PATIENCE, talk
from tests.e2e.support.published_ports import DNS, by_family
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox

SECOND, THIRD = ("203.0.113.7", "2001:db8::7"), ("203.0.113.9", "2001:db8::9")
OPTIONS = ("host_ipv4", "host_ipv6")
LENGTHS = (24, 64)


@pytest.fixture(autouse=True)
def _addresses(daemon: Daemon) -> Iterator[None]:
    """The host has two more addresses at its uplink."""
    for addresses in (SECOND, THIRD):
        give(daemon, addresses)
    yield
    for addresses in (SECOND, THIRD):
        take(daemon, addresses)


def give(daemon: Daemon, addresses: tuple[str, str]) -> None:
    for address, length in zip(addresses, LENGTHS, strict=True):
        nodad = ["nodad", "preferred_lft", "0"] if ":" in address else []
        daemon.testbed.run("ip", "addr", "add", f"{address}/{length}", "dev", "uplink", *nodad)


def take(daemon: Daemon, addresses: tuple[str, str]) -> None:
    for address, length in zip(addresses, LENGTHS, strict=True):
        daemon.testbed.attempt("ip", "addr", "del", f"{address}/{length}", "dev", "uplink")


def update(daemon: Daemon, **options: str) -> None:
    daemon.net.UpdateNetwork(UpdateNetworkRequest(network="blue", options=options))


def chosen(addresses: tuple[str, str]) -> dict[str, str]:
    return dict(zip(OPTIONS, addresses, strict=True))


@by_family
def test_a_network_leaves_by_the_address_that_it_asks_for(
    daemon: Daemon, one: Sandbox, two: Sandbox, family: int
) -> None:
    daemon.create("blue", options=chosen(SECOND))
    daemon.create("red", "10.77.0.0/24", "fd77::/64")
    daemon.connect("one", ports=[DNS])
    daemon.connect("two", network="red")
    outside = daemon.testbed.outside
    assert talk(one, outside, OUTSIDE[family]) == SECOND[family]
    assert talk(two, outside, OUTSIDE[family]) == HOST[family]
    update(daemon, **chosen(THIRD))
    assert talk(one, outside, OUTSIDE[family]) == THIRD[family]
    daemon.net.UpdateNetwork(UpdateNetworkRequest(network="blue", remove_options=OPTIONS))
    assert talk(one, outside, OUTSIDE[family]) == HOST[family]


@by_family
def test_a_sandbox_that_goes_on_sending_takes_the_new_address(
    daemon: Daemon, one: Sandbox, family: int
) -> None:
    daemon.create("blue", options=chosen(SECOND))
    daemon.connect("one", ports=[DNS])

    def udp() -> socket.socket:
        kind = socket.AF_INET6 if family else socket.AF_INET
        sock = socket.socket(kind, socket.SOCK_DGRAM)
        sock.settimeout(PATIENCE)
        return sock

    with one.inside(udp) as near, daemon.testbed.outside.inside(udp) as far:
        far.bind((OUTSIDE[family], 0))
        near.bind(("", 53))
        for addresses in (SECOND, THIRD):
            update(daemon, **chosen(addresses))
            near.sendto(b"word", far.getsockname()[:2])
            source = far.recvfrom(100)[1]
            assert source[:2] == (addresses[family], 5300)  # the published port


def test_an_address_that_the_host_does_not_have_is_refused(daemon: Daemon) -> None:
    wrong = {"host_ipv4": "203.0.113.200", "host_ipv6": "2001:db8::200"}
    refused = refusal(daemon.net.CreateNetwork, create("blue", options=wrong))
    assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    for address in wrong.values():
        assert f"{address} is not an address of this host; give it to the host first" in (
            refused.message
        )
    daemon.create("blue", options=chosen(SECOND))
    request = UpdateNetworkRequest(network="blue", options=wrong)
    assert "is not an address of this host" in refusal(daemon.net.UpdateNetwork, request).message
    assert daemon.networks()[0].options == chosen(SECOND)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"options": {"host_ipv4": "127.0.0.1"}}, "is a loopback address"),
        ({"options": {"host_ipv4": "2001:db8::7"}}, "is not an IPv4 address"),
        ({"options": {"host_ipv6": "fe80::1%eth0"}}, "is not an IPv6 address"),
        ({"options": {"host_ipv6": "seven"}}, "'seven' is not an address"),
        ({"options": {"host_ipv4": SECOND[0]}, "internal": True}, "do not get an address"),
        ({"options": {"host_ipv4": SECOND[0]}, "masquerade": False}, "do not get an address"),
        (
            {"options": {"host_ipv4": SECOND[0], "gateway_mode_ipv4": "routed"}},
            "do not get an address",
        ),
    ],
    ids=["loopback", "version", "scope", "words", "internal", "no masquerade", "routed"],
)
def test_an_address_of_no_use_is_refused(
    daemon: Daemon, fields: dict[str, object], words: str
) -> None:
    refused = refusal(daemon.net.CreateNetwork, create("blue", **fields))
    assert refused.code == "INVALID_ARGUMENT"
    assert words in refused.message


def test_an_address_that_the_host_loses_is_a_condition(daemon: Daemon, one: Sandbox) -> None:
    daemon.create("blue", options=chosen(SECOND))

    def conditions() -> str:
        network = daemon.net.GetNetwork(GetNetworkRequest(network="blue")).network
        return " ".join(str(condition) for condition in network.conditions)

    assert "not an address of this host any more" not in conditions()
    take(daemon, SECOND)
    for address, option in zip(SECOND, OPTIONS, strict=True):
        assert f"{address} ({option}), which is not an address of this host any more" in (
            conditions()
        )
    assert "mynetctl network update --opt-rm host_ipv4 blue" in conditions()
    daemon.testbed.run("ip", "link", "del", "br-blue")  # is healed nevertheless
    eventually(lambda: "br-blue" in daemon.testbed.links())
    daemon.testbed.run("mynetctl", "network", "update", "--opt-rm", "host_ipv4", "blue")
    daemon.testbed.run("mynetctl", "network", "update", "--opt-rm", "host_ipv6", "blue")
    assert "any more" not in conditions()


@by_family
def test_the_source_of_a_default_route_is_heeded_and_followed(
    daemon: Daemon, one: Sandbox, family: int
) -> None:
    testbed, version = daemon.testbed, ("-4", "-6")[family]
    route = ("ip", version, "route", "replace", "default", "via", OUTSIDE[family])
    with_source = (*route, "src", SECOND[family])
    testbed.run(*with_source)
    daemon.create("blue")
    daemon.connect("one")

    def seen() -> str:
        return talk(one, testbed.outside, OUTSIDE[family])

    assert seen() == SECOND[family]
    testbed.run(*route, "src", THIRD[family])
    eventually(lambda: seen() == THIRD[family])
    testbed.run(*route)
    eventually(lambda: seen() == HOST[family])
