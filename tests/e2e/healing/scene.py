"""A host on which everything works, what the daemon logs of it, and what it heals."""

import time
from pathlib import Path

from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.namespace import talk
from tests.e2e.support.published_ports import WEB
from tests.e2e.support.testbed import HOST, OUTSIDE, Sandbox, Testbed

FOREIGN = """
table inet shop {
  set shelf { type inet_service; elements = { 80, 443 }
  }
  chain till { type filter hook input priority 10; policy accept
    tcp dport @shelf accept
  }
}
"""
JSON = ("--log-format", "json")
WITHOUT_SURVEYS = (str(Path(__file__).parents[1] / "programs" / "daemon_without_surveys.py"),)


class Scene:
    """A host on which everything works, until a test damages it."""

    def __init__(self, testbed: Testbed, daemon: Daemon) -> None:
        self.testbed, self.daemon = testbed, daemon
        self.one, self.two = Sandbox(testbed, "one"), Sandbox(testbed, "two")
        testbed.run("sh", "-c", f"nft -f - <<.\n{FOREIGN}\n.")
        daemon.create("blue")
        self.endpoint = daemon.connect("one", ports=[WEB])
        daemon.connect("two")
        self.foreign = self._foreign()

    def _foreign(self) -> str:
        return self.testbed.run("nft", "-a", "list", "table", "inet", "shop")

    def damage(self, command: str) -> None:
        """Run a command; {veth} is the host's end of container one, {mac} of the bridge."""
        mac = self.testbed.links().get("br-blue", {}).get("address", "")
        command = command.replace("{veth}", self.endpoint.host_interface).replace("{mac}", mac)
        self.testbed.run(*command.split())

    def works(self) -> None:
        """Require that traffic flows between sandboxes, to the outside and to the published port.

        The firewall table of the other program must be as it was.
        """
        assert talk(self.one, self.two, "10.88.0.3") == "10.88.0.2"
        assert talk(self.two, self.one, "fd88::2") == "fd88::3"
        assert talk(self.one, self.testbed.outside, OUTSIDE[0]) == HOST[0]
        assert talk(self.one, self.testbed.outside, OUTSIDE[1]) == HOST[1]
        with self.one.listen("10.88.0.2", 80) as listener:
            for caller, address in ((self.testbed.outside, HOST[0]), (self.testbed, "127.0.0.1")):
                with caller.dial(address, 8080), listener.accept()[0]:
                    pass
        assert self._foreign() == self.foreign


def lines(daemon: Daemon, event: str) -> list[str]:
    """Return the problems that the daemon has logged with this event."""
    return [line["problem"] for line in daemon.events() if line["event"] == event]


def states(daemon: Daemon) -> dict[str, int]:
    """Return the states of all endpoints by id."""
    return {endpoint.id: endpoint.state for endpoint in daemon.endpoints()}


def quiet(daemon: Daemon) -> int:
    """Wait until nothing more is healed; return how much was."""
    before = -1
    while before != (now := len(lines(daemon, "healed"))):
        before = now
        time.sleep(0.3)
    return now


def require_healed(scene: Scene, damage: str) -> None:
    before = quiet(scene.daemon)
    scene.damage(damage)
    eventually(lambda: len(lines(scene.daemon, "healed")) > before)
    eventually(lambda: scene.daemon.problems(scene.endpoint) == [])
    quiet(scene.daemon)
