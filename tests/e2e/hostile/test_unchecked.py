"""What holds for an endpoint with spoof_check=false, too."""

import time
from collections.abc import Iterator

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw

from mynet.v1.network_pb2 import PortMapping, UpdateEndpointRequest
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.hostile import floods, multicast, spoofing
from tests.e2e.support.hostile.envelopes import ENVELOPES
from tests.e2e.support.hostile.scene import Attack, Party, Scene
from tests.e2e.support.hostile.tenants import Tenants

MOST_LEARNED = 4096


@pytest.fixture(scope="module")
def tenants(module_daemon: Daemon) -> Iterator[Tenants]:
    for setting in ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables"):
        module_daemon.testbed.run("sysctl", "-qw", f"net.bridge.{setting}=0")
    made = Tenants(module_daemon)
    with made.options(spoof_check="false"):
        yield made
    made.close()


@pytest.fixture(autouse=True)
def truthful(tenants: Tenants) -> None:
    """Forget the MAC addresses that a test before this one has forged with success."""
    for where in (tenants.host, tenants.good):
        for version in ("-4", "-6"):
            where.run("ip", version, "neigh", "flush", "all")


# What the kernel itself drops: sources that are no single station, and frames to reserved groups.
HARMLESS = ("MAC address of a group", "MAC address of everybody", "01:80:c2:00:00:0")
# What is refused all the same. The host would remove both tags.
NEVER_PASSES = ("another network", "in two tags")
RESERVED = {"a frame of LLDP", "a frame of LACP", "a frame of EAPOL"}


def test_the_check_alone_stops_most_attacks(tenants: Tenants) -> None:
    """Without it they arrive. So the attacks are what they seem to be."""
    attacks = {
        attack.name: attack
        for attack in tenants.campaign()
        if attack.name.endswith("01:80:c2:00:00:00")
        or not any(words in attack.name for words in (*HARMLESS, *NEVER_PASSES))
    }
    arrived = tenants.launch(attacks.values())
    assert attacks.keys() - arrived.keys() <= RESERVED


def test_frames_to_reserved_groups_reach_no_socket_of_the_host(tenants: Tenants) -> None:
    groups = [attack for attack in tenants.campaign() if "01:80:c2" in attack.name]
    assert len(groups) > 10
    reached = {
        name for name, places in tenants.launch(groups).items() if "a socket of the host" in places
    }
    assert reached <= {f"forged IPv{version} to 01:80:c2:00:00:00" for version in (4, 6)}


def test_loopback_sources_reach_no_socket_of_the_host(tenants: Tenants) -> None:
    """A port that is published at 127.0.0.1 makes the kernel route such packets."""
    ports = [PortMapping(host_port=8080, container_port=80, host_ip="127.0.0.1")]
    tenants.daemon.net.UpdateEndpoint(
        UpdateEndpointRequest(endpoint=tenants.endpoints["good"].id, ports=ports)
    )
    setting = "/proc/sys/net/ipv4/conf/br-target/route_localnet"
    assert tenants.host.run("cat", setting) == "1\n"
    arrived = tenants.launch(spoofing.loopback(tenants.scene))
    assert not any("a socket of the host" in places for places in arrived.values())
    assert not any("the outside" in places for places in arrived.values())


def test_no_packet_leaves_with_an_address_of_another_network(tenants: Tenants) -> None:
    """In whatever envelope, and to whichever place."""
    attacks = [
        Attack(mark.decode(), bytes(wrap(mac, tenants.scene.gateway.mac, packet)), mark)
        for wrap in ENVELOPES.values()
        for mac in (tenants.scene.me.mac, tenants.scene.neighbour.mac, tenants.scene.stranger.mac)
        for target in (tenants.scene.gateway, tenants.scene.outside)
        for mark, packet in _as_stranger(tenants.scene, target)
    ]
    arrived = tenants.launch(attacks)
    assert {place for places in arrived.values() for place in places} <= {"the bridge"}


def _as_stranger(scene: Scene, target: Party) -> Iterator[tuple[bytes, Packet]]:
    for header in (
        IP(src=scene.stranger.ip4, dst=target.ip4),
        IPv6(src=scene.stranger.ip6, dst=target.ip6),
    ):
        mark = spoofing.token()
        yield mark, header / UDP(sport=spoofing.PORT, dport=spoofing.PORT) / Raw(mark)


def test_the_bridge_learns_a_limited_number_of_mac_addresses(tenants: Tenants) -> None:
    before = tenants.entries()
    tenants.wire.send(floods.mac_addresses(tenants.scene, 2 * MOST_LEARNED))
    assert tenants.entries() - before <= MOST_LEARNED
    tenants.require_undisturbed()


@pytest.mark.parametrize("version", [4, 6], ids="IPv{}".format)
def test_queries_for_multicast_groups_keep_no_multicast_from_neighbours(
    tenants: Tenants, version: int
) -> None:
    """The tenant joins a group and asks who else wants it, and bridges believe it after 0.1 s."""
    scene = tenants.scene
    tenants.wire.send([multicast.query(scene, version), *multicast.reports(scene, 1, version)])
    for _ in range(3):
        arrived = tenants.launch([multicast.datagram(scene, version)])
        assert "good" in arrived.get(f"IPv{version}", set())
        time.sleep(0.1)


def test_forged_handshakes_leave_no_connections(tenants: Tenants) -> None:
    before = tenants.connections()
    tenants.wire.send(floods.handshakes(tenants.scene, 500))
    tenants.require_undisturbed()
    assert tenants.connections() - before < 200


@pytest.mark.parametrize("whose", ["its own", "a neighbour's"])
def test_a_limit_of_connections_is_of_all_mac_addresses(tenants: Tenants, whose: str) -> None:
    """And a neighbour's limit is not used up by frames from its MAC address."""
    limit, scene = 200, tenants.scene
    own = [f"02:ee:00:00:00:{place:02x}" for place in range(100)]
    macs = own if whose == "its own" else [scene.neighbour.mac]
    with (
        tenants.options(conntrack_limit=str(limit)),
        tenants.options("good", conntrack_limit=str(limit)),
    ):
        before = tenants.connections()
        flood = floods.own_connections(scene, 10 * limit, 4)
        tenants.wire.send(floods.from_mac_addresses(flood, macs))
        tenants.require_undisturbed()
        assert tenants.connections() - before < limit + 100
