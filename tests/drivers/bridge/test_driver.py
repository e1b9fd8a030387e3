"""What the bridge driver asks of its kernel."""

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from mynet.drivers.api import Endpoint, Network, NetworkUpdate
from mynet.drivers.bridge.driver import MAX_SUBNETS, BridgeDriver
from mynet.drivers.errors import CapabilityUnsupported, InterfaceExists, InvalidOptions, KernelError
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.desired import NetworkRules, Veth
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network

CALL = SampleCall()
IPV4, IPV6 = sample_network().subnets
BOTH = (IPV4.cidr, IPV6.cidr)


def test_a_network_is_a_bridge_with_its_mark_and_addresses(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    driver.create(CALL, network)
    (link,) = kernel.list_links()
    assert (link.name, link.kind, link.up) == (network.interface, "bridge", True)
    assert (link.mark, link.mtu) == (f"mynet:test:{network.id}", 1400)
    assert link.mac == mac_from(network.id)
    wanted = driver._specs.bridge(network).addresses
    assert wanted == (ip_interface("198.18.1.1/24"), ip_interface("fd6d:796e:6574:1::1/64"))


@pytest.mark.parametrize(
    ("change", "segment", "forwarding"),
    [
        ({}, NetworkRules("br-check1", masquerade=BOTH), {4, 6}),
        ({"subnets": [IPV4]}, NetworkRules("br-check1", masquerade=BOTH[:1]), {4}),
        ({"subnets": [IPV6]}, NetworkRules("br-check1", masquerade=BOTH[1:]), {6}),
        ({"masquerade": False}, NetworkRules("br-check1"), {4, 6}),
        ({"internal": True}, NetworkRules("br-check1", internal=True), set()),
        ({"internal": True, "masquerade": False}, NetworkRules("br-check1", internal=True), set()),
        (
            {"options": {"icc": "false"}},
            NetworkRules("br-check1", masquerade=BOTH, icc=False),
            {4, 6},
        ),
        (
            {"options": {"icc": "true", "gateway_mode_ipv4": "routed"}},
            NetworkRules("br-check1", masquerade=BOTH[1:], routed=(4,)),
            {4, 6},
        ),
        (
            {"options": {"gateway_mode_ipv4": "nat", "gateway_mode_ipv6": "routed"}},
            NetworkRules("br-check1", masquerade=BOTH[:1], routed=(6,)),
            {4, 6},
        ),
        (
            {"options": {"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}},
            NetworkRules("br-check1", routed=(4, 6)),
            {4, 6},
        ),
        (
            {"internal": True, "options": {"icc": "false", "gateway_mode_ipv4": "isolated"}},
            NetworkRules("br-check1", internal=True, icc=False),
            set(),
        ),
    ],
    ids=[
        *("both", "IPv4", "IPv6", "no masquerade", "internal", "internal, no masquerade", "no icc"),
        *("IPv4 routed", "IPv6 routed", "routed", "isolated"),
    ],
)
@pytest.mark.parametrize("verb", ["create", "restore"])
def test_the_firewall_and_forwarding_follow_the_network(
    kernel: FakeKernel,
    driver: BridgeDriver,
    change: dict[str, object],
    segment: NetworkRules,
    forwarding: set[int],
    verb: str,
) -> None:
    network = replace(sample_network(), **change)  # type: ignore[arg-type]
    if verb == "create":
        driver.create(CALL, network)
    else:
        driver.restore(CALL, [network])
    assert kernel.firewall.networks == {"br-check1": segment}
    assert kernel.host.forwarding == forwarding


def test_an_endpoint_is_the_pair_that_it_describes(
    driver: BridgeDriver, endpoint: Endpoint
) -> None:
    assert driver._specs.veth(endpoint) == Veth(
        name="vethchk1",
        mark="mynet:test:conformance-1-1",
        outer_mac=mac_from("conformance-1-1"),
        bridge="br-check1",
        mtu=1400,
        interface="check1",
        mac="02:00:5e:00:53:01",
        addresses=(ip_interface("198.18.1.2/24"), ip_interface("fd6d:796e:6574:1::2/64")),
        gateways=tuple(subnet.gateway for subnet in (IPV4, IPV6)),
        metric=1,
        sandbox=endpoint.sandbox,
        bridge_mac=mac_from(endpoint.network.id),
        settings={"net.ipv6.conf.IFNAME.accept_ra": "0"},
    )


@pytest.mark.parametrize("isolated", [{4}, {6}, {4, 6}])
def test_an_isolated_family_has_no_address_on_the_bridge(
    driver: BridgeDriver, network: Network, isolated: set[int]
) -> None:
    options = {f"gateway_mode_ipv{version}": "isolated" for version in isolated}
    bridge = driver._specs.bridge(replace(network, internal=True, options=options))
    assert {address.version for address in bridge.addresses} == {4, 6} - isolated


@pytest.mark.parametrize(("icc", "isolated"), [("true", False), ("false", True)])
def test_without_icc_the_ports_of_the_bridge_are_isolated_from_each_other(
    driver: BridgeDriver, endpoint: Endpoint, *, icc: str, isolated: bool
) -> None:
    network = replace(endpoint.network, options={"icc": icc})
    assert driver._specs.veth(replace(endpoint, network=network)).isolated is isolated


def test_what_it_says_of_itself() -> None:
    info = BridgeDriver.info.fget(None)  # type: ignore[attr-defined]
    assert (info.name, info.device_prefix, info.port_prefix) == ("bridge", "br-", "veth")
    assert info.most_endpoints == 1023


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"options": {"speed": "9", "colour": "red"}}, {"colour", "speed"}),
        ({"options": {"icc": "no", "gateway_mode_ipv4": "bridged"}}, {"icc", "gateway_mode_ipv4"}),
        ({"options": {"gateway_mode_ipv6": "isolated"}}, {"gateway_mode_ipv6"}),
        (
            {"internal": True, "options": {"gateway_mode_ipv4": "routed", "speed": "9"}},
            {"gateway_mode_ipv4", "speed"},
        ),
    ],
)
def test_options_it_cannot_use_are_refused_before_anything_is_made(
    kernel: FakeKernel,
    driver: BridgeDriver,
    network: Network,
    change: dict[str, object],
    wrong: set[str],
) -> None:
    with pytest.raises(InvalidOptions, match="cannot make network conformance-1") as caught:
        driver.create(CALL, replace(network, **change))  # type: ignore[arg-type]
    assert set(caught.value.violations) == wrong
    assert not kernel.control.calls


def test_more_subnets_than_a_transaction_holds_are_refused_before_anything_is_made(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    many = [IPV4] * (MAX_SUBNETS + 1)
    with pytest.raises(CapabilityUnsupported, match=r"65 subnets.*at most 64"):
        driver.create(CALL, replace(network, subnets=many))
    assert not kernel.control.calls


def test_an_update_brings_firewall_and_ports_to_the_new_options(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.create(CALL, endpoint.network)
    driver.connect(CALL, endpoint)
    gone = sample_endpoint(endpoint.network, 2, sandbox=endpoint.sandbox)
    for icc, isolated in (("false", True), ("false", True), ("true", False)):
        network = replace(endpoint.network, options={"icc": icc})
        here, absent = (replace(each, network=network) for each in (endpoint, gone))
        driver.update(CALL, NetworkUpdate(network, (here, absent)))
        assert kernel.firewall.networks["br-check1"].icc is not isolated
        assert [each.isolated for each in kernel.list_links() if each.kind == "veth"] == [isolated]
        assert driver.check(CALL, here) == []


def test_an_update_to_options_it_cannot_use_changes_nothing(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    with pytest.raises(InvalidOptions):
        driver.update(CALL, NetworkUpdate(replace(network, options={"icc": "maybe"})))
    assert not kernel.control.calls


def test_deleting_takes_everything_and_nothing_else(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    other = sample_network(2)
    driver.create(CALL, network)
    driver.create(CALL, other)
    driver.delete(CALL, network)
    assert [link.name for link in kernel.list_links()] == [other.interface]
    assert set(kernel.firewall.networks) == {other.interface}
    assert kernel.host.forwarding == {4, 6}  # others may have come to need it


def test_deleting_takes_the_network_out_of_the_firewall_first(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    driver.create(CALL, network)
    kernel.control.fail("firewall.remove")
    with pytest.raises(KernelError):
        driver.delete(CALL, network)
    assert kernel.list_links()


@pytest.mark.parametrize("mark", ["", "mynet:other:1"])
def test_deleting_a_network_whose_name_is_anothers_touches_nothing(
    kernel: FakeKernel, driver: BridgeDriver, network: Network, mark: str
) -> None:
    kernel.add_link(network.interface, kind="bridge", mark=mark)
    kernel.firewall.add("test", NetworkRules(network.interface))
    before = kernel.list_links(), kernel.firewall.networks
    with pytest.raises(InterfaceExists):
        driver.create(CALL, network)
    driver.delete(CALL, network)
    assert (kernel.list_links(), kernel.firewall.networks) == before


def test_disconnecting_does_not_look_at_the_sandbox(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.create(CALL, endpoint.network)
    driver.connect(CALL, endpoint)
    kernel.move_sandbox("/run/netns/web", "/run/netns/elsewhere")
    driver.disconnect(CALL, endpoint)
    assert endpoint.sandbox
    assert not kernel.list_links(endpoint.sandbox)


def test_two_endpoints_do_not_get_in_each_others_way(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    second = sample_endpoint(endpoint.network, 2, sandbox=endpoint.sandbox)
    driver.create(CALL, endpoint.network)
    driver.connect(CALL, endpoint)
    driver.connect(CALL, second)
    driver.disconnect(CALL, endpoint)
    assert driver.check(CALL, second) == []
    assert driver.check(CALL, endpoint)
