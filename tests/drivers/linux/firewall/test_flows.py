"""Who reaches whom, on a real kernel: pings, TCP connections, and datagrams that nobody hears."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.drivers.linux.support import multicast
from tests.drivers.linux.support.topology import (
    BRIDGE_SETTINGS,
    FAMILIES,
    NETWORKS,
    Town,
    network_of,
)

# Where br_netfilter is loaded, bridged frames pass the firewall's chains as well.
FILTERED = Path("/proc/sys/net", BRIDGE_SETTINGS[0]).exists()
VERSIONS = (4, 6)


@pytest.fixture(
    scope="module", params=["0", "1"] if FILTERED else [""], ids="br_netfilter={}".format
)
def town(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    for setting in BRIDGE_SETTINGS if request.param else ():
        made.people["host"].set(setting, request.param)
    yield made
    made.close()


by_family = pytest.mark.parametrize("version", VERSIONS, ids=["IPv4", "IPv6"])


def gateway_of(box: str, version: int) -> str:
    gateways = (subnet.gateway for subnet in network_of(box).subnets)
    return next(str(gateway) for gateway in gateways if gateway.version == version)


@by_family
def test_neighbours_reach_each_other(town: Town, version: int) -> None:
    for one, other in (("red1", "red2"), ("red2", "red1"), ("inner1", "inner2")):
        assert town.people[one].pings(town.address(other, version))
        assert town.caller_seen(other, one, version) == town.address(one, version)
        assert town.hears(other, one, version)


@by_family
@pytest.mark.parametrize("box", ["red1", "inner1", "plain1"])
def test_the_host_is_on_every_network(town: Town, version: int, box: str) -> None:
    gateway = NETWORKS[box[:-1]].subnets[VERSIONS.index(version)].gateway
    assert town.people[box].pings(str(gateway))
    assert town.caller_seen(box, "host", version) == str(gateway)


@by_family
@pytest.mark.parametrize(
    ("listener", "speaker"),
    [
        ("blue1", "red1"),
        ("red1", "blue1"),
        ("plain1", "red1"),
        ("red1", "plain1"),
        ("inner1", "red1"),
        ("red1", "inner1"),
    ],
)
def test_two_networks_do_not_reach_each_other(
    town: Town, version: int, listener: str, speaker: str
) -> None:
    assert not town.hears(listener, speaker, version)


@by_family
def test_what_leaves_has_the_hosts_address(town: Town, version: int) -> None:
    assert town.people["red1"].pings(town.address("outside", version))
    for box in ("red1", "blue1"):
        assert town.caller_seen("outside", box, version) == town.address("host", version)


@by_family
@pytest.mark.parametrize("box", ["red1", "plain1"])
def test_errors_from_outside_find_their_way_back(town: Town, version: int, box: str) -> None:
    assert town.is_told_that_nobody_listens(box, "outside", version)


@by_family
def test_without_masquerading_it_has_its_own(town: Town, version: int) -> None:
    assert town.caller_seen("outside", "plain1", version) == town.address("plain1", version)


@by_family
@pytest.mark.parametrize("box", ["red1", "plain1", "inner1"])
def test_nobody_comes_in_from_outside_uninvited(town: Town, version: int, box: str) -> None:
    assert not town.hears(box, "outside", version)


@by_family
def test_an_internal_network_reaches_nothing_outside(town: Town, version: int) -> None:
    assert not town.hears("outside", "inner1", version)


@by_family
def test_an_internal_network_finds_the_host_by_itself(town: Town, version: int) -> None:
    """Who does not know a neighbour's MAC address asks all, by broadcast or by multicast."""
    town.people["inner1"].run("ip", f"-{version}", "neigh", "flush", "dev", "check1")
    assert town.people["inner1"].pings(gateway_of("inner1", version))


def test_an_internal_network_may_speak_to_all_that_are_on_it(town: Town) -> None:
    with town.listening("host", 4, socket.SOCK_DGRAM) as listener:
        with town.people["inner1"].entered():
            speaker = socket.socket(type=socket.SOCK_DGRAM)
        with speaker:
            speaker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            everybody = str(network_of("inner1").subnets[0].cidr.broadcast_address)
            speaker.sendto(b"anybody there?", (everybody, listener.getsockname()[1]))
        assert listener.recv(100) == b"anybody there?"


@by_family
def test_the_host_is_answered_by_an_internal_network_at_whichever_address(
    town: Town, version: int
) -> None:
    """By another than the one that it has on the network, if the sandbox knows a way there."""
    inner, own = town.people["inner1"], town.address("host", version)
    way = (own, "via", gateway_of("inner1", version))
    inner.run("ip", "route", "add", *way)
    with town.listening("inner1", version, socket.SOCK_DGRAM) as listener:
        with town.people["host"].entered():
            asker = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
        with asker:
            asker.settimeout(5)
            asker.bind((own, 0))
            to = town.address("inner1", version), listener.getsockname()[1]
            asker.sendto(b"question", to)
            _, back = listener.recvfrom(100)
            assert back[0] == own
            listener.sendto(b"answer", back)
            assert asker.recv(100) == b"answer"
    inner.run("ip", "route", "del", *way)


@by_family
def test_nobody_else_s_nat_leads_into_an_internal_network(town: Town, version: int) -> None:
    host, family = town.people["host"], {4: "ip", 6: "ip6"}[version]
    ports = {"inner1": 5001, "red1": 5002}
    rules = "".join(
        f"udp dport {port} dnat to {town.address(box, version)}\n" for box, port in ports.items()
    )
    chain = f"chain pre {{\n type nat hook prerouting priority -101;\n {rules}}}\n"
    host.run("nft", f"table {family} theirs {{\n{chain}}}")
    for box, port in ports.items():
        with town.listening(box, version, socket.SOCK_DGRAM, port) as listener:
            town.speak("outside", b"a stranger", version, (town.address("host", version), port))
            town.speak("host", b"a witness", version, (town.address(box, version), port))
            first = b"a witness" if box == "inner1" else b"a stranger"
            assert listener.recv(100) == first
    host.run("nft", f"delete table {family} theirs")


@by_family
def test_the_outside_still_reaches_the_host(town: Town, version: int) -> None:
    assert town.caller_seen("host", "outside", version) == town.address("outside", version)


@by_family
def test_what_is_for_a_multicast_group_keeps_its_address(town: Town, version: int) -> None:
    """Its receivers tell apart who sends by that."""
    source, group = town.address("red1", version), multicast.GROUP[version]
    with ExitStack() as stack:
        with town.people["outside"].entered():
            listener = stack.enter_context(socket.socket(FAMILIES[version], socket.SOCK_DGRAM))
            listener.settimeout(5)
            listener.bind(("", 5000))
            multicast.join(listener, "out0")
        with town.people["host"].entered():
            stack.enter_context(multicast.routed(source, network_of("red1").interface, "up0"))
        with town.people["red1"].entered():
            speaker = stack.enter_context(socket.socket(FAMILIES[version], socket.SOCK_DGRAM))
            multicast.set_hops(speaker)
        speaker.sendto(b"to all of you", (group, 5000))
        word, (address, *_) = listener.recvfrom(100)
        assert (word, address) == (b"to all of you", source)
