"""The daemon with its real driver and backend over the fake kernel."""

from ipaddress import ip_interface, ip_network

from mynet.drivers.linux.values.desired import NetworkRules
from tests.server.support.daemon import INSTANCE
from tests.server.support.stack import Stack


def test_a_network_is_a_bridge_with_its_gateways_behind_the_firewall(stack: Stack) -> None:
    network = stack.network("web", "10.1.0.0/24", "fd00:1::/64")
    assert network.mtu == 1450
    [bridge] = stack.kernel.list_links()
    assert (bridge.name, bridge.kind, bridge.mtu, bridge.up) == ("br-web", "bridge", 1450, True)
    assert bridge.mark == f"mynet:{INSTANCE}:{network.id}"
    cidrs = (ip_network("10.1.0.0/24"), ip_network("fd00:1::/64"))
    assert stack.kernel.firewall.networks == {
        "br-web": NetworkRules("br-web", masquerade=cidrs, subnets=cidrs)
    }
    assert stack.kernel.host.forwarding == {4, 6}


def test_an_internal_network_is_not_masqueraded(stack: Stack) -> None:
    network = stack.network(internal=True)
    (subnet,) = network.subnets
    subnets = (ip_network(subnet.cidr),)
    rules = NetworkRules("br-web", internal=True, without_host=(6,), subnets=subnets)
    assert stack.kernel.firewall.networks == {"br-web": rules}
    assert stack.kernel.host.forwarding == frozenset()


def test_an_endpoint_is_a_pair_of_links(stack: Stack) -> None:
    stack.network()
    endpoint = stack.connect("c1", netns_name="c1")
    [bridge, outer] = stack.kernel.list_links()
    [inner] = stack.kernel.list_links(stack.sandboxes[0])
    assert (outer.name, outer.master) == (endpoint.host_interface, bridge.index)
    assert (inner.name, inner.mac, inner.mtu) == ("eth0", endpoint.mac_address, 1450)
    assert outer.mark == f"mynet:{INSTANCE}:{endpoint.id}"
    veth = stack.kernel._link_table.find("eth0", stack.sandboxes[0].cookie)
    assert veth
    assert ip_interface("10.1.0.2/24") in veth.addresses


def test_disconnect_works_when_sandbox_bridge_and_firewall_are_gone(stack: Stack) -> None:
    before = stack.state()
    stack.network()
    stack.connect("c1", netns_name="c1")
    stack.connect("c2", netns_name="c2")
    stack.kernel.delete_sandbox("/run/netns/c1")
    stack.kernel.delete_link("br-web")
    stack.kernel.firewall.load(INSTANCE, [])
    stack.disconnect("c1")
    stack.disconnect("c2")
    stack.delete()
    assert stack.state() == before


def test_the_address_released_last_is_the_last_to_be_used_again(stack: Stack) -> None:
    stack.network("web", "10.1.0.0/29")
    first = stack.connect("c1").addresses[0]
    stack.disconnect("c1")
    later = [stack.connect(f"d{number}").addresses[0] for number in range(5)]
    assert later[-1] == first
    assert len(set(later)) == 5


def test_check_returns_what_another_program_damaged(stack: Stack) -> None:
    stack.network()
    endpoint = stack.connect("c1", netns_name="c1")
    assert stack.problems(endpoint.id) == []
    stack.kernel.delete_link("eth0", sandbox=stack.sandboxes[0])
    assert any(endpoint.host_interface in problem for problem in stack.problems(endpoint.id))
    stack.disconnect("c1")
    assert stack.connect("c1", netns_name="c1").interface == "eth0"


def test_foreign_links_are_not_changed(stack: Stack) -> None:
    foreign = stack.kernel.add_link("br-web", kind="bridge")
    network = stack.network("web")
    assert network.interface == f"br-{network.id[:12]}"
    stack.delete("web")
    assert stack.kernel.list_links() == [foreign]
