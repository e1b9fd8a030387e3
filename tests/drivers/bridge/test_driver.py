"""What the bridge driver makes in its kernel."""

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from mynet.drivers.api import Endpoint, Network, NetworkUpdate
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.bridge.options.networks import MAX_SUBNETS
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
    addresses = driver._specs.bridge(network).addresses
    assert addresses == (ip_interface("198.18.1.1/24"), ip_interface("fd6d:796e:6574:1::1/64"))


@pytest.mark.parametrize(
    ("change", "rules", "forwarding"),
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
            NetworkRules("br-check1", internal=True, icc=False, without_host=(4,)),
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
    rules: NetworkRules,
    forwarding: set[int],
    verb: str,
) -> None:
    network = replace(sample_network(), **change)  # type: ignore[arg-type]
    if verb == "create":
        driver.create(CALL, network)
    else:
        driver.restore(CALL, [network])
    subnets = tuple(subnet.cidr for subnet in network.subnets)
    assert kernel.firewall.networks == {"br-check1": replace(rules, subnets=subnets)}
    assert kernel.host.forwarding == forwarding


def test_an_endpoint_is_the_pair_that_it_describes(
    driver: BridgeDriver, endpoint: Endpoint
) -> None:
    assert driver._specs.veth(endpoint) == Veth(
        name="vethchk1",
        mark="mynet:test:conformance-1-1",
        outer_mac=mac_from("conformance-1-1"),
        bridge="br-check1",
        bridge_mark=f"mynet:test:{endpoint.network.id}",
        mtu=1400,
        interface="check1",
        mac="02:00:5e:00:53:01",
        addresses=(ip_interface("198.18.1.2/24"), ip_interface("fd6d:796e:6574:1::2/64")),
        gateways=tuple(subnet.gateway for subnet in (IPV4, IPV6) if subnet.gateway),
        metric=1,
        sandbox=endpoint.sandbox,
        bridge_mac=mac_from(endpoint.network.id),
        guarded=True,
        settings={
            "net.ipv6.conf.IFNAME.disable_ipv6": "0",
            "net.ipv6.conf.IFNAME.accept_ra": "0",
        },
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


def test_info_has_the_name_the_prefixes_and_the_limit() -> None:
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
def test_invalid_options_are_refused_before_anything_is_made(
    kernel: FakeKernel,
    driver: BridgeDriver,
    network: Network,
    change: dict[str, object],
    wrong: set[str],
) -> None:
    with pytest.raises(InvalidOptions, match="cannot make network conformance-1") as caught:
        driver.create(CALL, replace(network, **change))  # type: ignore[arg-type]
    assert set(caught.value.violations) == wrong
    assert set(kernel.control.calls) == {"host.ip_versions"}


def test_more_subnets_than_a_transaction_holds_are_refused_before_anything_is_made(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    many = [IPV4] * (MAX_SUBNETS + 1)
    with pytest.raises(CapabilityUnsupported, match=r"65 subnets.*at most 64"):
        driver.create(CALL, replace(network, subnets=many))
    assert set(kernel.control.calls) == {"host.ip_versions"}


def test_an_update_applies_options_to_the_firewall_and_to_bridge_ports(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    driver.create(CALL, endpoint.network)
    driver.connect(CALL, endpoint)
    missing = sample_endpoint(endpoint.network, 2, sandbox=endpoint.sandbox)
    for icc, isolated in (("false", True), ("false", True), ("true", False)):
        network = replace(endpoint.network, options={"icc": icc})
        existing = replace(endpoint, network=network)
        driver.update(CALL, NetworkUpdate(network, (existing, replace(missing, network=network))))
        assert kernel.firewall.networks["br-check1"].icc is not isolated
        (outer,) = (link for link in kernel.list_links() if link.kind == "veth")
        assert outer.port.isolated == isolated
        assert driver.check(CALL, existing) == []


def test_an_update_to_invalid_options_changes_nothing(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    with pytest.raises(InvalidOptions):
        driver.update(CALL, NetworkUpdate(replace(network, options={"icc": "maybe"})))
    assert set(kernel.control.calls) == {"host.ip_versions"}


def test_delete_removes_one_network_and_no_other(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    other = sample_network(2)
    driver.create(CALL, network)
    driver.create(CALL, other)
    driver.delete(CALL, network)
    assert [link.name for link in kernel.list_links()] == [other.interface]
    assert set(kernel.firewall.networks) == {other.interface}
    assert kernel.host.forwarding == {4, 6}  # other programs may need it by then


def test_delete_removes_the_network_from_the_firewall_first(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    driver.create(CALL, network)
    kernel.control.fail("firewall.remove")
    with pytest.raises(KernelError):
        driver.delete(CALL, network)
    assert kernel.list_links()


@pytest.mark.parametrize("mark", ["", "mynet:other:1"])
def test_delete_changes_nothing_if_another_device_has_the_name(
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


def test_disconnecting_one_endpoint_keeps_the_other(
    kernel: FakeKernel, driver: BridgeDriver, endpoint: Endpoint
) -> None:
    second = sample_endpoint(endpoint.network, 2, sandbox=endpoint.sandbox)
    driver.create(CALL, endpoint.network)
    driver.connect(CALL, endpoint)
    driver.connect(CALL, second)
    driver.disconnect(CALL, endpoint)
    assert driver.check(CALL, second) == []
    assert driver.check(CALL, endpoint)


def test_only_a_network_that_was_there_before_is_looked_for_among_all_links(
    kernel: FakeKernel, driver: BridgeDriver, network: Network
) -> None:
    driver.create(CALL, network)
    assert kernel.control.calls["links.set_altnames"] == 0
    driver.create(CALL, network)  # repairs it
    assert kernel.control.calls["links.set_altnames"] == 1
