"""A host with four networks, a few endpoints on them, and a world outside that knows a way in.

Sockets do the talking: one belongs to the namespace it was made in, so a test holds both ends.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

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

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Town:
    """Everybody in it by name: ``host``, ``outside``, and the boxes, such as ``red1``."""

    def __init__(self, folder: Path) -> None:
        self.people = {name: Namespace() for name in ("host", "outside", *BOXES)}
        host = self.people["host"]
        self.endpoints: dict[str, Endpoint] = {}
        stop_forwarding(host)
        give_uplink(host, self.people["outside"])
        with host.entered():
            self.driver = BridgeDriver(DriverContext("town", folder), LinuxKernel())
            for network in NETWORKS.values():
                self.driver.create(SampleCall(), network)
            for number, name in enumerate(BOXES, 1):
                self._connect(name, number)
        self._open_ways_back()
        for name in BOXES:  # neighbours know each other: the first packet of a test does not wait
            for version in (4, 6):
                host.run("ping", "-c1", "-W5", self.address(name, version))

    def _connect(self, name: str, number: int) -> None:
        network = network_of(name)
        sandbox = self.people[name].sandbox
        sample = sample_endpoint(network, BOXES[name], sandbox=sandbox)
        self.endpoints[name] = replace(sample, id=name, host_interface=f"veth{number}-{name}")
        self.driver.connect(SampleCall(), self.endpoints[name])

    def publish(self, name: str, *ports: PortMapping) -> None:
        """Let ports of the host lead to a box, and no others."""
        self.endpoints[name] = replace(self.endpoints[name], ports=ports)
        with self.people["host"].entered():
            self.driver.connect(SampleCall(), self.endpoints[name])

    def disconnect(self, name: str) -> None:
        """Disconnect a box."""
        with self.people["host"].entered():
            self.driver.disconnect(SampleCall(), self.endpoints[name])

    def _open_ways_back(self) -> None:
        """Let the outside know where the networks are: what it cannot do then is refused."""
        outside = self.people["outside"]
        outside.run("ip", "route", "add", "198.18.0.0/16", "via", HOST[4])
        outside.run("ip", "route", "add", "fd6d:796e:6574::/48", "via", HOST[6])

    def close(self) -> None:
        for namespace in self.people.values():
            namespace.close()

    def address(self, name: str, version: int) -> str:
        """Tell somebody's address."""
        if name in BOXES:
            subnet = network_of(name).subnets[0 if version == 4 else 1]
            return str(subnet.cidr[BOXES[name] + 1])
        return {"host": HOST, "outside": OUTSIDE}[name][version]

    @contextmanager
    def listening(
        self, name: str, version: int, kind: int, port: int = 0
    ) -> Iterator[socket.socket]:
        with self.people[name].entered():
            sock = socket.socket(FAMILIES[version], kind)
        with sock:
            sock.settimeout(5)
            if kind == socket.SOCK_STREAM:  # connections of an earlier test may linger
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", port))
            yield sock

    def speak(self, name: str, word: bytes, version: int, to: tuple[str, int]) -> None:
        """Send one UDP datagram."""
        with self.people[name].entered():
            sock = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
        with sock:
            sock.sendto(word, to)

    def hears(self, listener: str, speaker: str, version: int, witness: str = "host") -> bool:
        """Say whether a datagram arrives. One of a witness follows it, who is always heard."""
        with self.listening(listener, version, socket.SOCK_DGRAM) as sock:
            to = self.address(listener, version), sock.getsockname()[1]
            self.speak(speaker, b"a stranger", version, to)
            self.speak(witness, b"a witness", version, to)
            first = sock.recv(100)
            if first == b"a witness":
                return False
            assert (first, sock.recv(100)) == (b"a stranger", b"a witness")
            return True

    def is_told_that_nobody_listens(self, client: str, server: str, version: int) -> bool:
        """Send to a port where nobody is: an error message has to find the way back."""
        with self.listening(server, version, socket.SOCK_DGRAM) as gone:
            port = gone.getsockname()[1]
        with self.people[client].entered():
            sock = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(5)
            sock.connect((self.address(server, version), port))
            sock.send(b"anybody there?")
            try:
                sock.recv(100)
            except ConnectionRefusedError:
                return True
            return False

    def caller_seen(self, server: str, client: str, version: int) -> str:
        """Open a TCP connection, have an answer, and tell whose address the server sees."""
        with ExitStack() as stack:
            listener = stack.enter_context(self.listening(server, version, socket.SOCK_STREAM))
            listener.listen()
            with self.people[client].entered():
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
