"""Network blue of the real daemon, and which ways to it are open beside others on the host."""

import socket
from dataclasses import dataclass

from mynet.v1 import network_pb2
from mynet.v1.network_pb2 import Condition, Finding
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.namespace import PATIENCE, Namespace
from tests.e2e.support.publishing import ADDRESSES, WEB
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed

FAMILIES = (4, 6)
BRIDGED = "/proc/sys/net/bridge/bridge-nf-call-ip"


@dataclass
class Neighbourhood:
    """A testbed with network blue, sandboxes one and two on it, and port 8080 leading to one."""

    daemon: Daemon
    one: Sandbox
    two: Sandbox

    @property
    def testbed(self) -> Testbed:
        return self.daemon.testbed

    def ways(self, version: int) -> dict[str, bool]:
        """Say which ways are open: each is tried with a connection and a word."""
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

    def obey(self) -> None:
        """Run the lines that `mynetctl doctor` prints, as they stand."""
        said = self.testbed.attempt("mynetctl", "doctor")
        assert said.returncode == 1
        lines = [each[4:] for each in said.stdout.splitlines() if each.startswith("    ")]
        self.testbed.run("sh", "-euc", "\n".join(lines))

    def require_cured(self) -> None:
        """Nothing stands in the way any more, and nothing is said to."""
        assert self.findings() == []
        assert self.conditions() == []
        assert self.testbed.run("mynetctl", "doctor") == "All is well.\n"
        for version in FAMILIES:  # a neighbour that was not found is asked for anew after a while
            eventually(lambda asked=version: all(self.ways(asked).values()))  # type: ignore[misc]


def reaches(
    client: Namespace, server: Namespace, at: tuple[str, int], address: str, port: int
) -> bool:
    with server.listen(*at) as listener:
        try:
            near = client._inside(lambda: socket.create_connection((address, port), timeout=1.0))
        except OSError:  # dropped or refused, as the firewall has it
            return False
        with near, listener.accept()[0] as far:
            near.sendall(b"word")
            far.settimeout(PATIENCE)
            assert far.recv(100) == b"word"
            return True


def bridged(testbed: Testbed, *versions: int) -> None:
    """Have frames on bridges pass the firewall, of these IP versions."""
    for version, name in ((4, "tables"), (6, "6tables")):
        testbed.run("sh", "-c", f"echo {int(version in versions)} >{BRIDGED}{name}")


def settle(testbed: Testbed) -> Neighbourhood:
    """Start a daemon, and have network blue with all that is on it."""
    daemon = Daemon(testbed)
    made = Neighbourhood(daemon, Sandbox(testbed, "one"), Sandbox(testbed, "two"))
    daemon.create("blue")
    daemon.connect("one", ports=[WEB])
    daemon.connect("two")
    return made
