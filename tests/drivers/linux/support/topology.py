"""A host with four networks, their endpoints, and a host outside with routes to the networks.

A socket stays in the namespace that it was made in, so one test can use both ends of a connection.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mynet.drivers.api import DriverContext, Endpoint, Network, PortMapping
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.testing import SampleCall, sample_endpoint, sample_network
from tests.drivers.linux.support.namespaces import Namespace, give_uplink, stop_forwarding

OUTSIDE: dict[int, str] = {4: "203.0.113.1", 6: "2001:db8::1"}
HOST: dict[int, str] = {4: "203.0.113.2", 6: "2001:db8::2"}
NETWORKS = {
    "red": sample_network(1),
    "blue": sample_network(2),
    "inner": replace(sample_network(3), internal=True),
    "plain": replace(sample_network(4), masquerade=False),
}
BOXES = {"red1": 1, "red2": 2, "blue1": 1, "inner1": 1, "inner2": 2, "plain1": 1}
BRIDGE_SETTINGS = ("bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables")
# With br_netfilter, bridged frames pass the firewall's chains as well.
FILTERED = Path("/proc/sys/net", BRIDGE_SETTINGS[0]).exists()

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
by_family = pytest.mark.parametrize("version", FAMILIES, ids="IPv{}".format)


class Topology:
    """The namespaces by name: ``host``, ``outside``, and the boxes, such as ``red1``."""

    def __init__(self, folder: Path, options: Mapping[str, str] | None = None) -> None:
        self.options = options or {}  # of all endpoints
        self.namespaces = {name: Namespace() for name in ("host", "outside", *BOXES)}
        host = self.namespaces["host"]
        self.endpoints: dict[str, Endpoint] = {}
        stop_forwarding(host)
        give_uplink(host, self.namespaces["outside"])
        with host.entered():
            self.driver = BridgeDriver(DriverContext("topology", folder), LinuxKernel())
            for network in NETWORKS.values():
                self.driver.create(SampleCall(), network)
            for number, name in enumerate(BOXES, 1):
                self._connect(name, number)
        self._add_routes_back()
        for name in BOXES:  # resolve neighbours, so that the first packet of a test does not wait
            for version in (4, 6):
                host.run("ping", "-c1", "-W5", self.address(name, version))

    def _connect(self, name: str, number: int) -> None:
        network = network_of(name)
        sandbox = self.namespaces[name].sandbox
        sample = sample_endpoint(network, BOXES[name], sandbox=sandbox)
        self.endpoints[name] = replace(
            sample, id=name, host_interface=f"veth{number}-{name}", options=self.options
        )
        self.driver.connect(SampleCall(), self.endpoints[name])

    def networks(self) -> list[Network]:
        """Return all networks with their endpoints, as a start of the daemon knows them."""
        return [
            replace(
                network,
                endpoints=[
                    endpoint
                    for box, endpoint in self.endpoints.items()
                    if network_of(box).id == network.id
                ],
            )
            for network in NETWORKS.values()
        ]

    def publish(self, name: str, *ports: PortMapping) -> None:
        """Publish ports of the host for a box, and no others."""
        self.endpoints[name] = replace(self.endpoints[name], ports=ports)
        with self.namespaces["host"].entered():
            self.driver.connect(SampleCall(), self.endpoints[name])

    def reset(self, name: str) -> None:
        """Unpublish the ports of a box, which forgets their flows, and connect the box again."""
        self.endpoints[name] = replace(self.endpoints[name], ports=())
        with self.namespaces["host"].entered():
            self.driver.update_endpoint(SampleCall(), self.endpoints[name])
            self.driver.connect(SampleCall(), self.endpoints[name])

    def unpublish_all(self) -> None:
        """Reset the boxes that may have published ports."""
        for name in ("red1", "red2", "blue1"):
            self.reset(name)

    def disconnect(self, name: str) -> None:
        """Disconnect a box."""
        with self.namespaces["host"].entered():
            self.driver.disconnect(SampleCall(), self.endpoints[name])

    def _add_routes_back(self) -> None:
        """Give the outside routes to the networks, so that only the firewall keeps it out."""
        outside = self.namespaces["outside"]
        outside.run("ip", "route", "add", "198.18.0.0/16", "via", HOST[4])
        outside.run("ip", "route", "add", "fd6d:796e:6574::/48", "via", HOST[6])

    def close(self) -> None:
        for namespace in self.namespaces.values():
            namespace.close()

    def address(self, name: str, version: int) -> str:
        """Return an address of a namespace."""
        if name in BOXES:
            subnet = network_of(name).subnets[0 if version == 4 else 1]
            return str(subnet.cidr[BOXES[name] + 1])
        return {"host": HOST, "outside": OUTSIDE}[name][version]

    @contextmanager
    def listening(
        self, name: str, version: int, kind: int, port: int = 0
    ) -> Iterator[socket.socket]:
        with self.namespaces[name].entered():
            sock = socket.socket(FAMILIES[version], kind)
        with sock:
            sock.settimeout(5)
            if kind == socket.SOCK_STREAM:  # connections of an earlier test may linger
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", port))
            yield sock

    def speak(self, name: str, word: bytes, version: int, to: tuple[str, int]) -> None:
        """Send one UDP datagram."""
        with self.namespaces[name].entered():
            sock = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
        with sock:
            sock.sendto(word, to)

    def hears(self, listener: str, speaker: str, version: int, witness: str = "host") -> bool:
        """Return whether a datagram arrives. One from a witness follows, which always arrives."""
        with self.listening(listener, version, socket.SOCK_DGRAM) as sock:
            to = self.address(listener, version), sock.getsockname()[1]
            self.speak(speaker, b"a stranger", version, to)
            self.speak(witness, b"a witness", version, to)
            first = sock.recv(100)
            if first == b"a witness":
                return False
            assert (first, sock.recv(100)) == (b"a stranger", b"a witness")
            return True

    def is_told_that_the_port_is_closed(self, client: str, server: str, version: int) -> bool:
        """Send to a closed port, and return whether the error message comes back."""
        with self.listening(server, version, socket.SOCK_DGRAM) as gone:
            port = gone.getsockname()[1]
        with self.namespaces[client].entered():
            sock = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(5)
            sock.connect((self.address(server, version), port))
            sock.send(b"question")
            try:
                sock.recv(100)
            except ConnectionRefusedError:
                return True
            return False

    def caller_seen(self, server: str, client: str, version: int) -> str:
        """Open a TCP connection, receive an answer, and return the address that the server sees."""
        with ExitStack() as stack:
            listener = stack.enter_context(self.listening(server, version, socket.SOCK_STREAM))
            listener.listen()
            with self.namespaces[client].entered():
                ours = stack.enter_context(socket.socket(FAMILIES[version]))
            ours.settimeout(5)
            ours.connect((self.address(server, version), listener.getsockname()[1]))
            theirs, (address, *_) = listener.accept()
            stack.enter_context(theirs)
            theirs.sendall(b"answer")
            assert ours.recv(100) == b"answer"
            return str(address)


def network_of(name: str) -> Network:
    return NETWORKS[name.rstrip("12")]
