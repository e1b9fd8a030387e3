"""The kernel in memory. A test of both kernels shows that it does what the real one does."""

from mynet.drivers.api import IPV4, IPV6, Sandbox
from mynet.drivers.linux.fake.control import Control
from mynet.drivers.linux.fake.firewall import FakeFirewall
from mynet.drivers.linux.fake.host import FakeHost
from mynet.drivers.linux.fake.link_table import LinkTable
from mynet.drivers.linux.fake.links import FakeLinks
from mynet.drivers.linux.fake.monitor import FakeMonitor
from mynet.drivers.linux.fake.ports import FakePorts
from mynet.drivers.linux.fake.probes import FakeProbes
from mynet.drivers.linux.fake.sandboxes import HOST, FakeSandboxes, SandboxTable
from mynet.drivers.linux.links.alias import read_mark
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.desired import DEFAULT_MTU
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.observed import Link


class FakeKernel:
    """Implements :class:`~mynet.drivers.linux.interface.kernel.Kernel` in memory.

    Its own methods are what other programs and tests do to it. ``control`` makes it fail.
    """

    def __init__(
        self,
        *,
        uplink_mtu: int = DEFAULT_MTU,
        versions: frozenset[int] = frozenset({IPV4, IPV6}),
    ) -> None:
        self.control = Control()
        self._link_table = LinkTable()
        self._sandbox_table = SandboxTable()
        self.sandboxes = FakeSandboxes(
            self.control,
            self._sandbox_table,
            lambda cookie: (
                name
                for entry in self._link_table.inside(cookie)
                for name in (entry.link.name, *entry.link.altnames)
            ),
        )
        self.links = FakeLinks(self.control, self._link_table, self._sandbox_table)
        self.firewall = FakeFirewall(self.control)
        self.firewall.surroundings = Surroundings(versions=versions)
        self.ports = FakePorts(self.control)
        self.host = FakeHost(
            self.control,
            self._link_table,
            self.firewall,
            uplink_mtu=uplink_mtu,
            versions=versions,
        )
        self.probes = FakeProbes(self.control, self._link_table, self._sandbox_table)
        self.monitor = FakeMonitor(self.control)

    def close(self) -> None:
        """Keep everything: nothing is to be released."""

    def add_sandbox(self, path: str) -> Sandbox:
        """Create a network namespace that ``path`` leads to, instead of an earlier one."""
        with self.control.lock:
            self.delete_sandbox(path)
            return self._sandbox_table.add(path)

    def delete_sandbox(self, path: str) -> None:
        """Delete the namespace, with its links and their other ends."""
        with self.control.lock:
            cookie = self._sandbox_table.paths.pop(path, None)
            if cookie is not None:
                for entry in self._link_table.inside(cookie):
                    self._link_table.delete(entry.link)

    def move_sandbox(self, path: str, to: str) -> None:
        """Like: mv PATH TO, of a bind-mounted namespace."""
        with self.control.lock:
            self._sandbox_table.paths[to] = self._sandbox_table.paths.pop(path)

    def add_link(
        self, name: str, *, kind: str = "dummy", mark: str = "", sandbox: Sandbox | None = None
    ) -> Link:
        """Add a link as another program would."""
        with self.control.lock:
            link = Link(0, name, kind, mac_from(f"foreign {name}"), DEFAULT_MTU, mark)
            return self._link_table.add(link, sandbox.cookie if sandbox else HOST).link

    def delete_link(self, name: str, *, sandbox: Sandbox | None = None) -> None:
        """Delete a link and its other end, as another program would."""
        with self.control.lock:
            entry = self._link_table.find(name, sandbox.cookie if sandbox else HOST)
            touched: list[Link] = []
            if entry is not None:
                touched = [entry.link, *self._link_table.joined(entry.link)]
                self._link_table.delete(entry.link)
                self.links.open_loopbacks.discard(name)
        if marks := [link.mark for link in touched if read_mark(link.mark) != ("", "")]:
            self.monitor.notify(*marks)

    def list_links(self, sandbox: Sandbox | None = None) -> list[Link]:
        """Return the links of a namespace, without lo."""
        with self.control.lock:
            entries = self._link_table.inside(sandbox.cookie if sandbox else HOST)
            return [entry.link for entry in entries]

    def flush_firewall(self) -> None:
        """Like: nft flush ruleset."""
        self.firewall.flush()
        self.monitor.notify()

    def stop_forwarding(self) -> None:
        """Like: sysctl -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0."""
        with self.control.lock:
            self.host.forwarding.clear()
        self.monitor.notify()

    def lose_notifications(self) -> None:
        """Report that notifications were lost."""
        self.monitor.notify()
