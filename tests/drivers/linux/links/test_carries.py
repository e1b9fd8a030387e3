"""What carries packets besides links and addresses: each damage is found and repaired.

Each damage stops packets while links, addresses and the firewall are as they were.
"""

import time
from ipaddress import ip_address

import pytest

from mynet.drivers.api import Endpoint, Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.testing import SampleCall
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()
PATIENCE = 60.0  # seconds on a busy machine
V4, V6 = "198.18.1.1", "fd6d:796e:6574:1::1"
SANDBOX4, SANDBOX6 = "198.18.1.2", "fd6d:796e:6574:1::2"

# By the command of another program on the host: what a check says of the network.
OF_NETWORKS = {
    f"ip route del {V4[:-1]}0/24 dev BR": "BR lacks the route to 198.18.1.0/24.",
    "ip route flush dev BR": "BR lacks the route to 198.18.1.0/24.",
    "ip route replace 198.18.1.0/24 dev lo": "BR lacks the route to 198.18.1.0/24.",
    "ip -6 route del fd6d:796e:6574:1::/64 dev BR": (
        "BR lacks the route to fd6d:796e:6574:1::/64."
    ),
    f"ip route del local {V4} dev BR table local": f"BR lacks the local route to {V4}.",
    f"ip -6 route del local {V6} dev BR table local": f"BR lacks the local route to {V6}.",
    "ip -6 route del multicast ff00::/8 dev BR table local": (
        "BR lacks the multicast route to ff00::/8."
    ),
    "sysctl -qw net.ipv4.conf.BR.forwarding=0": (
        "BR does not forward IPv4 (net.ipv4.conf.BR.forwarding is 0)."
    ),
    "sysctl -qw net.ipv6.conf.BR.forwarding=0": (
        "BR does not forward IPv6 (net.ipv6.conf.BR.forwarding is 0)."
    ),
    "sysctl -qw net.ipv4.conf.BR.arp_ignore=8": (
        "BR answers no ARP requests (net.ipv4.conf.BR.arp_ignore is 8)."
    ),
    "sysctl -qw net.ipv6.conf.BR.accept_ra=2": (
        "BR accepts router advertisements of sandboxes (net.ipv6.conf.BR.accept_ra is 2)."
    ),
    "sysctl -qw net.ipv6.conf.BR.disable_ipv6=1": (
        "BR has no IPv6 (net.ipv6.conf.BR.disable_ipv6 is 1)."
    ),
    "sysctl -qw net.ipv6.conf.BR.disable_ipv6=1 net.ipv6.conf.BR.disable_ipv6=0": (
        f"BR lacks the address {V6}/64."
    ),
    "ip link set BR arp off": "BR resolves no addresses (its flag NOARP is set).",
    "ip link set BR multicast off": "BR receives no multicast.",
    "ip link set BR type bridge stp_state 1": (
        "BR keeps new ports closed for 30 seconds (stp_state is 1)."
    ),
    "ip link set BR type bridge mcast_snooping 1": (
        "BR withholds multicasts once one port queries (mcast_snooping is 1)."
    ),
    "bridge fdb del ETHER dev BR self": (
        "BR passes no frames to ETHER, its own MAC address, up to the host."
    ),
    "bridge fdb flush dev BR": "BR passes no frames to ETHER, its own MAC address, up to the host.",
}


@pytest.mark.parametrize("damage", OF_NETWORKS)
def test_what_stops_the_packets_of_a_bridge_is_found_and_repaired(
    host: Namespace, driver: BridgeDriver, endpoint: Endpoint, box: Namespace, damage: str
) -> None:
    network = endpoint.network
    bridge = network.interface
    link = host.link(bridge)
    assert link
    mac = link["address"]
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    driver.connect(CALL, endpoint)
    assert driver.check_network(CALL, network) == []
    host.run(*damage.replace("BR", bridge).replace("ETHER", mac).split())
    sentence = OF_NETWORKS[damage].replace("BR", bridge).replace("ETHER", mac)
    # The local route of an IPv6 address may still come while the address is new.
    end = time.monotonic() + PATIENCE
    while sentence not in driver.check_network(CALL, network):
        assert time.monotonic() < end, driver.check_network(CALL, network)
        time.sleep(0.1)
    assert network.id in driver.survey(CALL, [network])
    driver.create(CALL, network)
    driver.connect(CALL, endpoint)
    assert driver.check_network(CALL, network) == []
    assert driver.check(CALL, endpoint) == []
    if "route replace" in damage:  # another program's, which wins until it is deleted
        host.run(*["ip", "route", "del", "198.18.1.0/24", "dev", "lo"])
    box.run("ip", "neigh", "flush", "dev", endpoint.interface)
    for address in (V4, V6):
        box.run("ping", "-q", "-c1", "-W5", address)
    for address in (SANDBOX4, SANDBOX6):
        host.run("ping", "-q", "-c1", "-W5", address)


@pytest.mark.parametrize("state", ["permanent", "noarp"])
@pytest.mark.parametrize("address", [SANDBOX4, SANDBOX6])
def test_a_neighbour_that_another_program_has_fixed_is_found_and_corrected(
    host: Namespace, driver: BridgeDriver, endpoint: Endpoint, address: str, state: str
) -> None:
    network = endpoint.network
    driver.connect(CALL, endpoint)
    fix = ("ip", "neigh", "replace", address, "dev", network.interface, "nud", state)
    host.run(*fix, "lladdr", endpoint.mac_address)
    assert driver.check(CALL, endpoint) == []
    host.run(*fix, "lladdr", "02:00:00:00:00:99")
    leads = f"{ip_address(address)} to 02:00:00:00:00:99 instead of {endpoint.mac_address}"
    assert driver.check(CALL, endpoint) == [f"The host sends packets for {leads}."]
    driver.connect(CALL, endpoint)
    assert driver.check(CALL, endpoint) == []
    host.run("ping", "-q", "-c1", "-W5", address)


# By the command in the sandbox: what a check says of the endpoint.
OF_SANDBOXES = {
    "ip link set check1 arp off": "check1 resolves no addresses (its flag NOARP is set).",
    "ip route del local 198.18.1.2 dev check1 table local": (
        "check1 lacks the local route to 198.18.1.2."
    ),
    "ip -6 route flush dev check1": "check1 lacks the route to fd6d:796e:6574:1::/64.",
    "ip route flush dev check1": "check1 lacks the route to 198.18.1.0/24.",
}


@pytest.mark.parametrize("damage", OF_SANDBOXES)
def test_what_stops_the_packets_of_a_sandbox_is_found_and_repaired(
    host: Namespace, driver: BridgeDriver, endpoint: Endpoint, box: Namespace, damage: str
) -> None:
    driver.connect(CALL, endpoint)
    box.run(*damage.split())
    assert OF_SANDBOXES[damage] in driver.check(CALL, endpoint)
    driver.connect(CALL, endpoint)
    assert driver.check(CALL, endpoint) == []
    for address in (SANDBOX4, SANDBOX6):
        host.run("ping", "-q", "-c1", "-W5", address)


def test_a_setting_that_harms_nothing_stays(
    host: Namespace, driver: BridgeDriver, network: Network
) -> None:
    setting = f"net.ipv4.conf.{network.interface}.arp_ignore"
    host.run("sysctl", "-qw", f"{setting}=2")
    driver.create(CALL, network)
    assert driver.check_network(CALL, network) == []
    assert host.run("sysctl", "-n", setting).strip() == "2"
