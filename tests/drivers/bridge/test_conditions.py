"""What is told of others on the host: when, what of a network they stop, and the lines for it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest

from mynet.drivers.api import Condition, Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.linux.values.host_firewalls import FORWARD, Chain, Surroundings
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network, sample_ports

BLUE = replace(sample_network(), name="blue", interface="br-blue")
IPV4, IPV6 = (replace(BLUE, subnets=(subnet,)) for subnet in BLUE.subnets)
INTERNAL = replace(BLUE, internal=True)
APART = replace(BLUE, options={"icc": "false"})
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


def told(driver: BridgeDriver, network: Network) -> Sequence[Condition]:
    return driver.conditions(SampleCall(), [network])[network.id]


def around(kernel: FakeKernel, *chains: Chain, **others: object) -> None:
    kernel.firewall.surroundings = replace(Surroundings(chains), **others)  # type: ignore[arg-type]


def test_where_nobody_is_nothing_is_told(kernel: FakeKernel, driver: BridgeDriver) -> None:
    around(kernel, bridged=BOTH)
    for network in (BLUE, INTERNAL, APART, ROUTED):
        assert told(driver, network) == []


@pytest.mark.parametrize(
    ("chain", "network", "bridged", "lost"),
    [
        (WALL4, BLUE, (), [OUT, IN]),
        (WALL4, BLUE, (6,), [OUT, IN]),
        (WALL4, BLUE, (4,), [OUT, IN, BETWEEN]),
        (WALL6, BLUE, (4,), [OUT, IN]),
        (INET, BLUE, (6,), [OUT, IN, BETWEEN]),
        (WALL4, IPV6, (4, 6), None),
        (WALL6, IPV4, (4, 6), None),
        (INET, IPV4, (6,), [OUT, IN]),
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
def test_what_does_not_work_is_said_and_nothing_else(
    kernel: FakeKernel,
    driver: BridgeDriver,
    chain: Chain,
    network: Network,
    bridged: Sequence[int],
    lost: Sequence[str] | None,
) -> None:
    around(kernel, chain, bridged=frozenset(bridged))
    problems = [each.problem for each in told(driver, network)]
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
def test_who_it_is_is_said(
    kernel: FakeKernel, driver: BridgeDriver, chains: Sequence[Chain], words: str
) -> None:
    around(kernel, *chains)
    (one,) = told(driver, BLUE)
    assert words in one.problem


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
def test_the_lines_are_these(kernel: FakeKernel, driver: BridgeDriver, name: str) -> None:
    chains, network, lines = LINES[name]
    around(kernel, *chains)
    (one,) = told(driver, network)
    assert list(one.commands) == lines.splitlines()


@pytest.mark.parametrize(
    ("uses", "network", "cured"),
    [(0, BLUE, False), (3, BLUE, False), (4, BLUE, True), (2, ROUTED, False), (3, ROUTED, True)],
)
def test_rules_with_a_jump_to_them_are_believed(
    kernel: FakeKernel, driver: BridgeDriver, uses: int, network: Network, *, cured: bool
) -> None:
    around(kernel, WALL4, replace(MARKER, uses=uses))
    assert (told(driver, network) == []) is cured


@pytest.mark.parametrize(
    "marker",
    [
        replace(MARKER, uses=9, family="ip6"),
        replace(MARKER, uses=9, table="nat"),
        replace(MARKER, uses=9, legacy=True),
        replace(MARKER, uses=9, name="mynet-br-red"),
    ],
)
def test_those_of_another_table_or_network_are_not(
    kernel: FakeKernel, driver: BridgeDriver, marker: Chain
) -> None:
    around(kernel, WALL4, marker)
    assert len(told(driver, BLUE)) == 1


def test_ufw_has_to_be_told_both_ways_and_of_the_family(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    ways = [(version, way, "br-blue") for version in (4, 6) for way in ("in", "out")]
    for left in ways:
        routes = frozenset(each for each in ways if each != left)
        around(kernel, WALL4, WALL6, *UFWS, ufw_routes=routes)
        (one,) = told(driver, BLUE)
        assert f" IPv{left[0]} packets " in one.problem
    around(kernel, WALL4, WALL6, *UFWS, ufw_routes=frozenset(ways))
    assert told(driver, BLUE) == []
    assert len(told(driver, replace(BLUE, interface="br-red"))) == 2


def test_an_interface_that_firewalld_trusts_passes(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    around(kernel, FIREWALLD, trusted=frozenset({"br-blue"}))
    assert told(driver, BLUE) == []
    assert len(told(driver, replace(BLUE, interface="br-red"))) == 1


def test_a_deaf_uplink_matters_to_who_leaves_by_ipv6(
    kernel: FakeKernel, driver: BridgeDriver
) -> None:
    around(kernel, ra_ignored=("eth0", "eth0.7"))
    first, second = told(driver, BLUE)
    assert list(first.commands) == ["sysctl -w net.ipv6.conf.eth0.accept_ra=2"]
    assert list(second.commands) == ["sysctl -w net.ipv6.conf.eth0/7.accept_ra=2"]
    for network in (IPV4, INTERNAL):
        assert told(driver, network) == []


@pytest.mark.parametrize(
    ("bridged", "settings"),
    [
        ((), None),
        ((4,), ["bridge-nf-call-iptables"]),
        ((6,), ["bridge-nf-call-ip6tables"]),
        ((4, 6), ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"]),
    ],
)
def test_isolation_that_goes_too_far_is_told_where_there_are_ports(
    kernel: FakeKernel,
    driver: BridgeDriver,
    bridged: Sequence[int],
    settings: Sequence[str] | None,
) -> None:
    around(kernel, bridged=frozenset(bridged))
    driver.create(SampleCall(), APART)
    assert told(driver, APART) == []
    driver.connect(SampleCall(), replace(sample_endpoint(APART), ports=sample_ports()))
    lines = [line for each in told(driver, APART) for line in each.commands]
    assert lines == [f"sysctl -w net.bridge.{each}=0" for each in settings or ()]
    assert told(driver, BLUE) == []
    elsewhere = replace(APART, subnets=sample_network(2).subnets)
    assert told(driver, elsewhere) == []


@pytest.mark.parametrize(
    ("target", "inside"),
    [
        ("198.18.0.255", False),
        ("198.18.1.0", True),
        ("198.18.1.255", True),
        ("198.18.2.0", False),
        ("fd6d:796e:6574:1::7", False),
    ],
)
def test_where_ports_lead_is_found_by_its_subnet(target: str, *, inside: bool) -> None:
    around = Surroundings(targets=frozenset({ip_address(target)}))
    assert around.leads_into(BLUE.subnets[0].cidr) is inside


def test_many_networks_are_judged_by_one_look(kernel: FakeKernel, driver: BridgeDriver) -> None:
    around(kernel, WALL4)
    networks = [replace(BLUE, id=str(number)) for number in range(50)]
    found = driver.conditions(SampleCall(), networks)
    assert found.keys() == {each.id for each in networks}
    assert kernel.control.calls["firewall.inspect_surroundings"] == 1
