"""Links that other programs gave a copy of a mark."""

from mynet.drivers.api import Endpoint, Network, Orphan
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.testing import SampleCall
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()


def copy(host: Namespace, name: str, of: str, *kind: str) -> None:
    """Make a link with the alias of another."""
    host.run("ip", "link", "add", name, "type", *kind)
    link = host.link(of)
    assert link
    host.run("ip", "link", "set", name, "alias", link["ifalias"])


def test_a_second_link_with_a_mark_is_found_and_removed(
    host: Namespace, driver: BridgeDriver, network: Network
) -> None:
    copy(host, "lan9", network.interface, "bridge")
    assert driver.orphans(CALL, {network.id}) == [
        Orphan(network.id, "interface lan9", is_copy=True)
    ]
    assert driver.check_network(CALL, network) == []
    for orphan in driver.orphans(CALL, {network.id}):
        driver.discard(CALL, orphan)
    assert host.names() == {"lo", network.interface}


def test_one_that_packets_pass_is_found_and_kept(
    host: Namespace, driver: BridgeDriver, network: Network, endpoint: Endpoint
) -> None:
    driver.connect(CALL, endpoint)
    copy(host, "lan8", endpoint.host_interface, "veth", "peer", "name", "lan7")
    copy(host, "lan9", network.interface, "bridge")
    host.run("ip", "link", "set", "lan8", "master", "lan9")
    found = {
        orphan.name: orphan.in_use for orphan in driver.orphans(CALL, {network.id, endpoint.id})
    }
    assert found == {"interface lan8": True, "interface lan9": True}
    driver.delete(CALL, network)
    assert not {"lan9", network.interface} & host.names()
