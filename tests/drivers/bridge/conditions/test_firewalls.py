"""Conditions by other firewalls: which cause them, what fails, and the commands."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from mynet.drivers.api import Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.linux.values.host_firewalls import FORWARD, Chain
from mynet.drivers.testing import SampleCall
from tests.drivers.bridge.support.surroundings import (
    APART,
    BLUE,
    INTERNAL,
    ONLY_IPV4,
    ONLY_IPV6,
    around,
    conditions,
)

ROUTED = replace(BLUE, options={"gateway_mode_ipv4": "routed"})

WALL4 = Chain("ip", "filter", "FORWARD", FORWARD, drops=True)
WALL6 = replace(WALL4, family="ip6")
INET = Chain("inet", "fw", "fwd", FORWARD, drops=True)
BRIDGE = Chain("bridge", "fw", "fwd", FORWARD, drops=True)
FIREWALLD = Chain("inet", "firewalld", "filter_FORWARD", FORWARD)
DOCKERS = Chain("ip", "filter", "DOCKER-USER", uses=2)
UFWS = [Chain("ip", "filter", "ufw-user-forward"), Chain("ip6", "filter", "ufw6-user-forward")]
MARKER = Chain("ip", "filter", "mynet-br-blue")
BOTH = frozenset({4, 6})

OUT, IN = "endpoints reach nothing outside", "nothing outside reaches published ports"
BETWEEN = "endpoints do not reach each other, as frames on bridges pass there too"


def test_a_host_without_other_firewalls_has_no_conditions(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    around(kernel, bridged=BOTH)
    for network in (BLUE, INTERNAL, APART, ROUTED):
        assert conditions(driver, network) == []


@pytest.mark.parametrize(
    ("chain", "network", "bridged", "lost"),
    [
        (WALL4, BLUE, (), [OUT, IN]),
        (WALL4, BLUE, (6,), [OUT, IN]),
        (WALL4, BLUE, (4,), [OUT, IN, BETWEEN]),
        (WALL6, BLUE, (4,), [OUT, IN]),
        (INET, BLUE, (6,), [OUT, IN, BETWEEN]),
        (WALL4, ONLY_IPV6, (4, 6), None),
        (WALL6, ONLY_IPV4, (4, 6), None),
        (INET, ONLY_IPV4, (6,), [OUT, IN]),
        (WALL4, INTERNAL, (), None),
        (WALL4, INTERNAL, (4,), [BETWEEN]),
        (WALL4, APART, (4,), [OUT, IN]),
        (WALL4, replace(APART, internal=True), (4,), None),
        (FIREWALLD, BLUE, (), [OUT]),
        (FIREWALLD, BLUE, (4, 6), [OUT, BETWEEN]),
        (FIREWALLD, INTERNAL, (), None),
        (BRIDGE, BLUE, (), [BETWEEN]),
        (BRIDGE, INTERNAL, (), [BETWEEN]),
        (BRIDGE, APART, (4, 6), None),
        (replace(WALL4, drops=False), BLUE, (4, 6), None),
        (replace(WALL4, hook=1), BLUE, (4, 6), None),
        (replace(WALL4, hook=None), BLUE, (4, 6), None),
        (Chain("arp", "filter", "FORWARD", FORWARD, drops=True), BLUE, (4, 6), None),
    ],
)
def test_the_problem_names_exactly_what_fails(
    kernel: FakeKernel,
    driver: BridgeDriver,
    chain: Chain,
    network: Network,
    bridged: Sequence[int],
    lost: Sequence[str] | None,
) -> None:
    around(kernel, chain, bridged=frozenset(bridged))
    problems = [condition.problem for condition in conditions(driver, network)]
    if lost is None:
        assert problems == []
    else:
        (problem,) = problems
        assert problem.endswith(f": {'; '.join(lost)}.")


@pytest.mark.parametrize(
    ("chains", "words"),
    [
        ([WALL4], "A firewall of this host drops forwarded IPv4 packets"),
        ([WALL4, DOCKERS], "Docker drops forwarded IPv4 packets"),
        ([WALL4, *UFWS, DOCKERS], "ufw drops forwarded IPv4 packets"),
        ([FIREWALLD, DOCKERS], "firewalld drops forwarded IPv4 and IPv6 packets"),
        (
            [replace(WALL4, legacy=True), DOCKERS],
            "(iptables-legacy, table ip filter, chain FORWARD",
        ),
        ([INET], "(table inet fw, chain fwd, policy drop)"),
        ([FIREWALLD], "(table inet firewalld, chain filter_FORWARD)"),
    ],
)
def test_the_problem_names_the_program_and_the_chain(
    kernel: FakeKernel, driver: BridgeDriver, chains: Sequence[Chain], words: str
) -> None:
    around(kernel, *chains)
    (condition,) = conditions(driver, BLUE)
    assert words in condition.problem


LINES: Mapping[str, tuple[Sequence[Chain], Network, str]] = {
    "iptables": (
        [WALL4],
        BLUE,
        """\
iptables -N mynet-br-blue
iptables -A mynet-br-blue -i br-blue -j ACCEPT
iptables -A mynet-br-blue -o br-blue -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A mynet-br-blue -o br-blue -m conntrack --ctstate DNAT -j ACCEPT
iptables -I FORWARD -j mynet-br-blue""",
    ),
    "Docker": (
        [WALL4, DOCKERS],
        BLUE,
        """\
iptables -N mynet-br-blue
iptables -A mynet-br-blue -i br-blue -j ACCEPT
iptables -A mynet-br-blue -o br-blue -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A mynet-br-blue -o br-blue -m conntrack --ctstate DNAT -j ACCEPT
iptables -I DOCKER-USER -j mynet-br-blue""",
    ),
    "routed, legacy, begun": (
        [replace(WALL4, legacy=True), replace(MARKER, legacy=True)],
        ROUTED,
        """\
iptables-legacy -F mynet-br-blue
iptables-legacy -A mynet-br-blue -i br-blue -j ACCEPT
iptables-legacy -A mynet-br-blue -o br-blue -j ACCEPT
iptables-legacy -I FORWARD -j mynet-br-blue""",
    ),
    "IPv6, not routed": (
        [WALL6],
        ROUTED,
        """\
ip6tables -N mynet-br-blue
ip6tables -A mynet-br-blue -i br-blue -j ACCEPT
ip6tables -A mynet-br-blue -o br-blue -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
ip6tables -A mynet-br-blue -o br-blue -m conntrack --ctstate DNAT -j ACCEPT
ip6tables -I FORWARD -j mynet-br-blue""",
    ),
    "nft": (
        [INET],
        BLUE,
        """\
nft 'add chain inet fw mynet-br-blue'
nft 'add rule inet fw mynet-br-blue iifname "br-blue" accept'
nft 'add rule inet fw mynet-br-blue oifname "br-blue" ct state related,established accept'
nft 'add rule inet fw mynet-br-blue oifname "br-blue" ct status dnat accept'
nft 'insert rule inet fw fwd jump mynet-br-blue'""",
    ),
    "a name that nft would not take": (
        [INET],
        replace(ROUTED, interface="br;x$(y)"),
        """\
nft 'add chain inet fw mynet-br_x__y_'
nft 'add rule inet fw mynet-br_x__y_ iifname "br;x$(y)" accept'
nft 'add rule inet fw mynet-br_x__y_ oifname "br;x$(y)" accept'
nft 'insert rule inet fw fwd jump mynet-br_x__y_'""",
    ),
    "bridge": ([BRIDGE], BLUE, "nft 'chain bridge fw fwd { policy accept; }'"),
    "ufw": (
        [WALL4, *UFWS],
        BLUE,
        "ufw route allow in on br-blue\nufw route allow out on br-blue",
    ),
    "firewalld": (
        [FIREWALLD],
        BLUE,
        """\
firewall-cmd --zone=trusted --add-interface=br-blue --permanent
firewall-cmd --zone=trusted --add-interface=br-blue""",
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_the_commands_fit_the_firewall(kernel: FakeKernel, driver: BridgeDriver, name: str) -> None:
    chains, network, lines = LINES[name]
    around(kernel, *chains)
    (condition,) = conditions(driver, network)
    assert list(condition.commands) == lines.splitlines()


@pytest.mark.parametrize(
    ("uses", "network", "cured"),
    [(0, BLUE, False), (3, BLUE, False), (4, BLUE, True), (2, ROUTED, False), (3, ROUTED, True)],
)
def test_a_chain_with_rules_and_a_jump_ends_the_condition(
    kernel: FakeKernel, driver: BridgeDriver, uses: int, network: Network, *, cured: bool
) -> None:
    around(kernel, WALL4, replace(MARKER, uses=uses))
    assert (conditions(driver, network) == []) is cured


@pytest.mark.parametrize(
    "marker",
    [
        replace(MARKER, uses=9, family="ip6"),
        replace(MARKER, uses=9, table="nat"),
        replace(MARKER, uses=9, legacy=True),
        replace(MARKER, uses=9, name="mynet-br-red"),
    ],
)
def test_a_chain_of_another_table_or_network_does_not_end_the_condition(
    kernel: FakeKernel, driver: BridgeDriver, marker: Chain
) -> None:
    around(kernel, WALL4, marker)
    assert len(conditions(driver, BLUE)) == 1


def test_ufw_needs_a_route_for_each_direction_and_ip_version(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    ways = [(version, way, "br-blue") for version in (4, 6) for way in ("in", "out")]
    for left in ways:
        routes = frozenset(way for way in ways if way != left)
        around(kernel, WALL4, WALL6, *UFWS, ufw_routes=routes)
        (condition,) = conditions(driver, BLUE)
        assert f" IPv{left[0]} packets " in condition.problem
    around(kernel, WALL4, WALL6, *UFWS, ufw_routes=frozenset(ways))
    assert conditions(driver, BLUE) == []
    assert len(conditions(driver, replace(BLUE, interface="br-red"))) == 2


def test_an_interface_that_firewalld_trusts_has_no_condition(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    around(kernel, FIREWALLD, trusted=frozenset({"br-blue"}))
    assert conditions(driver, BLUE) == []
    assert len(conditions(driver, replace(BLUE, interface="br-red"))) == 1


def test_the_host_is_inspected_once_for_many_networks(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    around(kernel, WALL4)
    networks = [replace(BLUE, id=str(number)) for number in range(50)]
    by_network = driver.conditions(SampleCall(), networks)
    assert by_network.keys() == {network.id for network in networks}
    assert kernel.control.calls["firewall.inspect_surroundings"] == 1
