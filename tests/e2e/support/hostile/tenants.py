"""A host with a hostile tenant, and with others who must notice nothing of it."""

import json
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from mynet.v1.network_pb2 import Endpoint, UpdateEndpointRequest
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.hostile import spoofing
from tests.e2e.support.hostile.campaign import campaign
from tests.e2e.support.hostile.capture import Datagrams, Wire, launch
from tests.e2e.support.hostile.envelopes import plain
from tests.e2e.support.hostile.scene import Attack, Party, Scene
from tests.e2e.support.namespace import PATIENCE, talk
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox

ROOT = Path(__file__).parents[4]
_BROADCAST = "ff:ff:ff:ff:ff:ff"


class Tenants:
    """Networks ``target`` and ``other``: evil and good are in the first, third in the second."""

    def __init__(self, daemon: Daemon, **fields: Any) -> None:
        self.daemon, self.host = daemon, daemon.testbed
        self.reach_each_other = fields.get("options", {}).get("icc") != "false"
        self.evil, self.good, self.third = (
            Sandbox(self.host, name) for name in ("evil", "good", "third")
        )
        daemon.create("target", "10.88.0.0/24", "fd88::/64", **fields)
        daemon.create("other", "10.77.0.0/24", "fd77::/64")
        self.endpoints = {
            name: daemon.connect(name, network=network)
            for name, network in (("evil", "target"), ("good", "target"), ("third", "other"))
        }
        self.scene = Scene(
            me=_party(self.endpoints["evil"]),
            neighbour=_party(self.endpoints["good"]),
            gateway=Party("10.88.0.1", "fd88::1", self.host.links()["br-target"]["address"]),
            stranger=_party(self.endpoints["third"]),
            outside=Party(*OUTSIDE),
            uplink=Party(*HOST),
        )
        self.wire = Wire(self.evil, "eth0")
        self._receivers: Mapping[str, Wire | Datagrams] = {
            "good": Wire(self.good, "eth0"),
            "third": Wire(self.third, "eth0"),
            "the bridge": Wire(self.host, "br-target"),
            "the outside": Wire(self.host.outside, "eth0"),
            "a socket of the host": Datagrams(self.host, spoofing.PORT),
        }

    def close(self) -> None:
        """Delete the networks and the sandboxes."""
        self.wire.close()
        for receiver in self._receivers.values():
            receiver.close()
        self.daemon.clear()
        for sandbox in (self.evil, self.good, self.third):
            sandbox.close()

    def campaign(self) -> list[Attack]:
        """Return all attacks of single frames."""
        return campaign(self.scene)

    @contextmanager
    def standing_flow(self, near: int, far: int) -> Iterator[None]:
        """Run a block while the stranger has a UDP flow to the outside, from port to port."""
        make = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # noqa: E731
        with self.third.inside(make) as client, self.host.outside.inside(make) as server:
            client.bind((self.scene.stranger.ip4, near))
            server.bind((self.scene.outside.ip4, far))
            client.connect((self.scene.outside.ip4, far))
            for sock in (client, server):
                sock.settimeout(PATIENCE)
            client.send(b"there")
            _, source = server.recvfrom(100)
            server.sendto(b"back", source)
            assert client.recv(100) == b"back"
            yield

    @contextmanager
    def raging(self) -> Iterator[None]:
        """Run a block while the hostile tenant sends all that it can, again and again."""
        program = (sys.executable, "-m", "tests.e2e.programs.hostile_tenant", "eth0")
        output = self.host.folder / "hostile.txt"
        enter, scene = ("nsenter", f"--net={self.evil.path}"), json.dumps(asdict(self.scene))
        process = self.host.start(*enter, *program, scene, output=output, PYTHONPATH=str(ROOT))
        try:
            eventually(lambda: process.poll() is not None or "round" in output.read_text())
            yield
            assert process.poll() is None, output.read_text()
        finally:
            process.kill()
            process.wait(PATIENCE)

    def launch(self, attacks: Iterable[Attack]) -> dict[str, set[str]]:
        """Send frames from the hostile tenant; return those that arrived, and where."""
        return launch(attacks, self.wire, self._fence(), self._receivers, "the bridge")

    @contextmanager
    def options(self, name: str = "evil", **options: str) -> Iterator[None]:
        """Run a block while an endpoint has these options, set while it is in use."""
        endpoint = self.endpoints[name].id
        self.daemon.net.UpdateEndpoint(UpdateEndpointRequest(endpoint=endpoint, options=options))
        yield
        self.daemon.net.UpdateEndpoint(
            UpdateEndpointRequest(endpoint=endpoint, remove_options=list(options))
        )

    def require_true_neighbours(self) -> None:
        """Raise AssertionError unless all others have the true MAC address of each IP address.

        They look for each other first, so the answers are fresh.
        """
        for address in (self.scene.neighbour.ip4, self.scene.neighbour.ip6):
            assert self.host.pings(address)
        true = {
            address: party.mac
            for party in (self.scene.me, self.scene.neighbour, self.scene.gateway)
            for address in (party.ip4, party.ip6, party.local)
        }
        for where in (self.host, self.good, self.third):
            for entry in where.json("ip", "-j", "neigh"):
                if (mac := entry.get("lladdr")) in true.values() or entry["dst"] in true:
                    assert mac in (None, true.get(entry["dst"])), entry

    def connections(self) -> int:
        """Return how many entries the host's connection tracking has."""
        return int(self.host.run("cat", "/proc/sys/net/netfilter/nf_conntrack_count"))

    def entries(self) -> int:
        """Return how many MAC addresses the bridge knows."""
        return len(self.host.json("bridge", "-j", "fdb", "show", "br", "br-target"))

    def require_undisturbed(self) -> None:
        """Raise AssertionError unless everybody else opens connections as before."""
        for address in (self.scene.neighbour.ip4, self.scene.neighbour.ip6):
            talk(self.host, self.good, address)
        for address in (self.scene.gateway.ip4, self.scene.gateway.ip6):
            talk(self.good, self.host, address)
        for address in OUTSIDE:
            talk(self.third, self.host.outside, address)
            talk(self.host, self.host.outside, address)
        talk(self.host, self.host, "127.0.0.1")
        assert all(self.daemon.problems(endpoint) == [] for endpoint in self.endpoints.values())

    def _fence(self) -> Attack:
        mark = spoofing.token()
        packet = IP(src=self.scene.me.ip4, dst="255.255.255.255") / UDP(sport=9, dport=9)
        frame = plain(self.scene.me.mac, _BROADCAST, packet / Raw(mark))
        return Attack("honest", bytes(frame), mark)


def _party(endpoint: Endpoint) -> Party:
    ip4, ip6 = (address.split("/")[0] for address in endpoint.addresses)
    return Party(ip4, ip6, endpoint.mac_address)
