"""The host of the kernel in memory: all there is of it, and what tests do to it and see of it."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.fake.firewall import Firewall
from mynet.drivers.linux.fake.links import Links
from mynet.drivers.linux.fake.ports import FakeHold, Ports
from mynet.drivers.linux.fake.sandboxes import HOST, Sandboxes
from mynet.drivers.linux.interface import DEFAULT_MTU
from mynet.drivers.linux.links.alias import read_mark
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.observed import Link
from mynet.drivers.linux.values.ports import Binding, PortForwards, Program

NGINX = Program(4711, "nginx")


@dataclass(eq=False)
class FakeWatch:
    """Somebody who watches, until closed."""

    notice: Callable[[frozenset[str]], None]
    others: "list[FakeWatch]"

    def close(self) -> None:
        """Be told nothing more; twice is once."""
        if self in self.others:
            self.others.remove(self)


class Host:
    """What everybody but the driver does: other programs, whoever starts sandboxes, the test.

    ``_lock`` guards everything, for the whole of each verb: this kernel does one thing at a time.
    """

    def __init__(self, *, uplink_mtu: int = DEFAULT_MTU) -> None:
        self._lock = threading.RLock()
        self._links = Links()
        self._sandboxes = Sandboxes()
        self._firewall = Firewall()
        self._ports = Ports()
        self._loopbacks: set[str] = set()
        self._forwarding: set[int] = set()
        self._watches: list[FakeWatch] = []
        self._failures: dict[str, tuple[int, Exception]] = {}
        self._uplink_mtu = uplink_mtu
        self.choosable = [range(32768, 61000)]  # where ports are chosen from
        self.surroundings = Surroundings()  # what it shows of others on the host
        self.calls: Counter[str] = Counter()  # how often each verb was asked

    def add_sandbox(self, path: str) -> Sandbox:
        """Make a network namespace that ``path`` leads to; one that was there is gone."""
        with self._lock:
            self.delete_sandbox(path)
            return self._sandboxes.add(path)

    def delete_sandbox(self, path: str) -> None:
        """Take the namespace away, with its links and their other ends."""
        with self._lock:
            cookie = self._sandboxes.remove(path)
            if cookie is not None:
                for held in self._links.inside(cookie):
                    self._links.delete(held.link)

    def move_sandbox(self, path: str, to: str) -> None:
        """Let another path lead to the namespace, and the old one nowhere."""
        with self._lock:
            self._sandboxes.move(path, to)

    def add_link(
        self, name: str, *, kind: str = "dummy", mark: str = "", sandbox: Sandbox | None = None
    ) -> Link:
        """Make a link as somebody else would."""
        with self._lock:
            link = Link(0, name, kind, mac_from(f"foreign {name}"), DEFAULT_MTU, mark)
            return self._links.add(link, sandbox.cookie if sandbox else HOST).link

    def delete_link(self, name: str, *, sandbox: Sandbox | None = None) -> None:
        """Take a link away behind everybody's back, with its other end."""
        with self._lock:
            held = self._links.find(name, sandbox.cookie if sandbox else HOST)
            touched: list[Link] = []
            if held is not None:
                touched = [held.link, *self._links.joined(held.link)]
                self._links.delete(held.link)
                self._loopbacks.discard(name)
        if marks := [link.mark for link in touched if read_mark(link.mark) != ("", "")]:
            self._notify(*marks)

    def flush_firewall(self) -> None:
        """Like: nft flush ruleset."""
        with self._lock:
            self._firewall.flush()
        self._notify()

    def stop_forwarding(self) -> None:
        """Like: sysctl -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0."""
        with self._lock:
            self._forwarding.clear()
        self._notify()

    def lose_notifications(self) -> None:
        """Tell those who watch that they were told too much to keep it."""
        self._notify()

    def take_port(self, binding: Binding, program: Program = NGINX) -> FakeHold | None:
        """Take a port as another program would; closing what is returned gives it back."""
        with self._lock:
            return self._ports.take(binding, program, self._give_back)

    def fail(self, point: str, error: Exception | None = None, *, times: int = 1) -> None:
        """Let the verb fail the next ``times`` that it gets to ``point``.

        A point is a verb ("attach"), before which nothing is done, or a verb and where it stops
        half-way: "attach.mark", "attach.shaper", "attach.inner", "ensure_bridge.mark".
        """
        refusal = KernelError("the kernel refused: it was told to", metadata={"errno": "EIO"})
        with self._lock:
            self._failures[point] = (times, error or refusal)

    # What there is, as tests see it.

    def links(self, sandbox: Sandbox | None = None) -> list[Link]:
        """List the links of a namespace, without lo."""
        with self._lock:
            here = self._links.inside(sandbox.cookie if sandbox else HOST)
            return [held.link for held in here]

    @property
    def segments(self) -> dict[str, NetworkRules]:
        """What the firewall holds, by bridge."""
        with self._lock:
            return self._firewall.segments

    @property
    def publications(self) -> dict[str, PortForwards]:
        """The published ports that the firewall holds, by endpoint."""
        with self._lock:
            return self._firewall.publications

    @property
    def loopbacks(self) -> frozenset[str]:
        """The bridges that packets from 127.0.0.1 may pass."""
        with self._lock:
            return frozenset(self._loopbacks)

    @property
    def held(self) -> frozenset[Binding]:
        """The ports of the host that programs have."""
        with self._lock:
            return self._ports.taken()

    @property
    def forwarding(self) -> frozenset[int]:
        """The IP versions that are forwarded."""
        with self._lock:
            return frozenset(self._forwarding)

    def _notify(self, *marks: str) -> None:
        """Tell those who watch. Holds no lock: they may ask at once."""
        for each in list(self._watches):
            each.notice(frozenset(marks))

    def _go_past(self, point: str) -> None:
        """Go past a point, or fail there as told. Holds ``_lock``."""
        times, error = self._failures.pop(point, (0, None))
        if error is not None:
            if times > 1:
                self._failures[point] = (times - 1, error)
            raise error

    def _give_back(self, hold: FakeHold) -> None:
        with self._lock:
            self._ports.give_back(hold)
