"""Network blue of the real daemon, and which ways to it other firewalls leave open."""

import socket
from dataclasses import dataclass

from mynet.v1 import network_pb2
from mynet.v1.network_pb2 import Condition, Finding
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.namespace import PATIENCE, Namespace
from tests.e2e.support.published_ports import ADDRESSES, WEB
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed

FAMILIES = (4, 6)
BRIDGED = "/proc/sys/net/bridge/bridge-nf-call-ip"


@dataclass
class BlueNetwork:
    """A testbed with network blue, sandboxes one and two on it, and port 8080 leading to one."""

    daemon: Daemon
    one: Sandbox
    two: Sandbox

    @property
    def testbed(self) -> Testbed:
        return self.daemon.testbed

    def open_ways(self, version: int) -> dict[str, bool]:
        """Return which ways are open. Each is tried with a connection."""
        place = FAMILIES.index(version)
        outside, any_address = self.testbed.outside, ("0.0.0.0", "::")[place]  # noqa: S104 - a test's
        return {
            "out": reaches(self.one, outside, (any_address, 7000), OUTSIDE[place], 7000),
            "in": reaches(outside, self.one, (any_address, 80), HOST[place], 8080),
            "between": reaches(self.two, self.one, (any_address, 81), ADDRESSES[place], 81),
        }

    def conditions(self) -> list[Condition]:
        request = network_pb2.GetNetworkRequest(network="blue")
        return list(self.daemon.net.GetNetwork(request).network.conditions)

    def findings(self) -> list[Finding]:
        return list(self.daemon.net.Doctor(network_pb2.DoctorRequest()).findings)

    def run_remedies(self) -> None:
        """Run the commands that ``mynetctl doctor`` prints, as they stand."""
        said = self.testbed.attempt("mynetctl", "doctor")
        assert said.returncode == 1
        lines = [line[4:] for line in said.stdout.splitlines() if line.startswith("    ")]
        self.testbed.run("sh", "-euc", "\n".join(lines))

    def require_cured(self) -> None:
        """Require that all ways are open, and that no condition is reported."""
        assert self.findings() == []
        assert self.conditions() == []
        assert self.testbed.run("mynetctl", "doctor") == "All is well.\n"
        for version in FAMILIES:  # the kernel asks again for a neighbour after a while
            eventually(lambda asked=version: all(self.open_ways(asked).values()))  # type: ignore[misc]


def reaches(
    client: Namespace, server: Namespace, at: tuple[str, int], address: str, port: int
) -> bool:
    with server.listen(*at) as listener:
        try:
            near = client.inside(lambda: socket.create_connection((address, port), timeout=1.0))
        except OSError:  # dropped or refused, as the firewall has it
            return False
        with near, listener.accept()[0] as far:
            near.sendall(b"word")
            far.settimeout(PATIENCE)
            assert far.recv(100) == b"word"
            return True


def bridged(testbed: Testbed, *versions: int) -> None:
    """Switch br_netfilter on for these IP versions, and off for the others."""
    for version, name in ((4, "tables"), (6, "6tables")):
        testbed.run("sh", "-c", f"echo {int(version in versions)} >{BRIDGED}{name}")


def make_blue(testbed: Testbed) -> BlueNetwork:
    """Start a daemon, and make network blue with its endpoints."""
    daemon = Daemon(testbed)
    made = BlueNetwork(daemon, Sandbox(testbed, "one"), Sandbox(testbed, "two"))
    daemon.create("blue")
    daemon.connect("one", ports=[WEB])
    daemon.connect("two")
    return made
