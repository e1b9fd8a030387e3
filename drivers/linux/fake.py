"""A kernel in memory, with the verbs of the real one: for tests of drivers and of the core.

Nothing here needs privileges, and nothing outside the object changes. It keeps to what the real
kernel does where a driver can see it: names are unique in a namespace, the ends of a pair go
together, a namespace takes its links with it, a bridge has 1023 ports, and a port of the host is
one program's alone.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, count

from mynet.drivers.api import IPNetwork, Sandbox
from mynet.drivers.errors import KernelError, SandboxNotFound
from mynet.drivers.linux.elements import Element, text
from mynet.drivers.linux.memory import HOST, Memory
from mynet.drivers.linux.memory_ports import FakeHold, Ports
from mynet.drivers.linux.ports import Binding, Forward, Program, Publication
from mynet.drivers.linux.ruleset import elements, published
from mynet.drivers.linux.surroundings import Surroundings
from mynet.drivers.linux.verbs import (
    DEFAULT_MTU,
    Bridge,
    BridgeSnapshot,
    Link,
    Segment,
    Snapshot,
    Survey,
    Veth,
    Watch,
    is_ours,
    mac_from,
    read_mark,
    taken,
    with_link_local,
)

NGINX = Program(4711, "nginx")
_MYNETD = Program(1, "mynetd")


@dataclass(eq=False)
class _FakeWatch:
    """Somebody who watches, until closed."""

    notice: Callable[[frozenset[str]], None]
    others: "list[_FakeWatch]"

    def close(self) -> None:
        """Be told nothing more; twice is once."""
        if self in self.others:
            self.others.remove(self)


class FakeKernel:
    """Implements :class:`~mynet.drivers.linux.verbs.Kernel` in memory.

    ``_lock`` guards everything, for the whole of each verb: this kernel does one thing at a time.
    """

    def __init__(self, *, uplink_mtu: int = DEFAULT_MTU) -> None:
        self._lock = threading.RLock()
        self._memory = Memory()
        self._cookies = count(1)
        self._sandboxes: dict[str, int] = {}
        self._segments: dict[str, Segment] = {}
        self._publications: dict[str, Publication] = {}
        self._is_loaded = self._is_flushed = False
        self._loopbacks: set[str] = set()
        self._watches: list[_FakeWatch] = []
        self._ports = Ports()
        self._forwarding: set[int] = set()
        self._failures: dict[str, tuple[int, Exception]] = {}
        self._uplink_mtu = uplink_mtu
        self.choosable = [range(32768, 61000)]  # where ports are chosen from
        self.surroundings = Surroundings()  # what it shows of others on the host
        self.calls: Counter[str] = Counter()  # how often each verb was asked

    # What tests do to it, and see of it.

    def add_sandbox(self, path: str) -> Sandbox:
        """Make a network namespace that ``path`` leads to; one that was there is gone."""
        with self._lock:
            self.delete_sandbox(path)
            self._sandboxes[path] = next(self._cookies)
            return Sandbox(path, self._sandboxes[path])

    def delete_sandbox(self, path: str) -> None:
        """Take the namespace away, with its links and their other ends."""
        with self._lock:
            if path in self._sandboxes:
                for held in self._memory.inside(self._sandboxes.pop(path)):
                    self._memory.delete(held.link)

    def move_sandbox(self, path: str, to: str) -> None:
        """Let another path lead to the namespace, and the old one nowhere."""
        with self._lock:
            self._sandboxes[to] = self._sandboxes.pop(path)

    def add_link(
        self, name: str, *, kind: str = "dummy", mark: str = "", sandbox: Sandbox | None = None
    ) -> Link:
        """Make a link as somebody else would."""
        with self._lock:
            link = Link(0, name, kind, mac_from(f"foreign {name}"), DEFAULT_MTU, mark)
            return self._memory.add(link, sandbox.cookie if sandbox else HOST).link

    def delete_link(self, name: str, *, sandbox: Sandbox | None = None) -> None:
        """Take a link away behind everybody's back, with its other end."""
        with self._lock:
            held = self._memory.find(name, sandbox.cookie if sandbox else HOST)
            touched: list[Link] = []
            if held is not None:
                touched = [held.link, *self._joined(held.link)]
                self._memory.delete(held.link)
                self._loopbacks.discard(name)
        if marks := [link.mark for link in touched if read_mark(link.mark) != ("", "")]:
            self._notify(*marks)

    def flush_firewall(self) -> None:
        """Like: nft flush ruleset."""
        with self._lock:
            self._is_flushed = True
        self._notify()

    def stop_forwarding(self) -> None:
        """Like: sysctl -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0."""
        with self._lock:
            self._forwarding.clear()
        self._notify()

    def lose_notifications(self) -> None:
        """Tell those who watch that they were told too much to keep it."""
        self._notify()

    def fail(self, point: str, error: Exception | None = None, *, times: int = 1) -> None:
        """Let the verb fail the next ``times`` that it gets to ``point``.

        A point is a verb ("attach"), before which nothing is done, or a verb and where it stops
        half-way: "attach.mark", "attach.shaper", "attach.inner", "ensure_bridge.mark".
        """
        refusal = KernelError("the kernel refused: it was told to", metadata={"errno": "EIO"})
        with self._lock:
            self._failures[point] = (times, error or refusal)

    def links(self, sandbox: Sandbox | None = None) -> list[Link]:
        """List the links of a namespace, without lo."""
        with self._lock:
            here = self._memory.inside(sandbox.cookie if sandbox else HOST)
            return [held.link for held in here]

    @property
    def segments(self) -> dict[str, Segment]:
        """What the firewall holds, by bridge."""
        with self._lock:
            return {} if self._is_flushed else dict(self._segments)

    @property
    def publications(self) -> dict[str, Publication]:
        """The published ports that the firewall holds, by endpoint."""
        with self._lock:
            return {} if self._is_flushed else dict(self._publications)

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

    def take_port(self, binding: Binding, program: Program = NGINX) -> FakeHold | None:
        """Take a port as another program would; closing what is returned gives it back."""
        with self._lock:
            return self._ports.take(binding, program, self._give_back)

    @property
    def forwarding(self) -> frozenset[int]:
        """The IP versions that are forwarded."""
        with self._lock:
            return frozenset(self._forwarding)

    # The verbs.

    def identify(self, path: str) -> Sandbox:
        """Tell which namespace ``path`` leads to now."""
        with self._verb("identify"):
            if path not in self._sandboxes:
                raise SandboxNotFound(f"{path} leads to no network namespace")
            return Sandbox(path, self._sandboxes[path])

    def exists(self, sandbox: Sandbox) -> bool:
        """Say whether the namespace is still there, under whatever path."""
        with self._verb("exists"):
            return sandbox.cookie in self._sandboxes.values()

    def locate(self, sandboxes: Iterable[Sandbox]) -> Mapping[int, str]:
        """Find a path that leads to each namespace now, by its cookie."""
        with self._verb("locate"):
            paths = {cookie: path for path, cookie in self._sandboxes.items()}
            cookies = {sandbox.cookie for sandbox in sandboxes}
            return {cookie: path for cookie, path in paths.items() if cookie in cookies}

    def foreigners(self, instance: str) -> Sequence[str]:
        """List the links of the host that carry another instance's mark."""
        return [link.name for link in self.marked() if read_mark(link.mark)[0] != instance]

    def device_names(self, sandbox: Sandbox | None) -> frozenset[str]:
        """List the names of links that are taken."""
        with self._verb("device_names"):
            here = self._memory.inside(self._enter(sandbox))
            return frozenset({"lo", *(held.link.name for held in here)})

    def has_device(self, name: str) -> bool:
        """Say whether a link of the host has that name."""
        with self._verb("has_device"):
            return name == "lo" or self._memory.find(name) is not None

    def uplink_mtu(self) -> int:
        """Tell the MTU that the fake was made with."""
        with self._verb("uplink_mtu"):
            return self._uplink_mtu

    def occupied(self) -> Sequence[IPNetwork]:
        """List the subnets of the host's addresses."""
        with self._verb("occupied"):
            return [
                address.network for held in self._memory.inside(HOST) for address in held.addresses
            ]

    def ensure_bridge(self, bridge: Bridge) -> None:
        """Make the bridge, or bring it to what it should be."""
        with self._verb("ensure_bridge"):
            held = self._memory.bridge(bridge)
            self._pass("ensure_bridge.mark")
            held.link = replace(
                held.link, mark=bridge.mark, mac=bridge.mac, mtu=bridge.mtu, up=True
            )
            held.addresses |= set(with_link_local(bridge.addresses, bridge.mac))

    def is_taken(self, bridge: Bridge) -> bool:
        """Say whether a link that is not ours stands under the bridge's name."""
        with self._verb("is_taken"):
            held = self._memory.find(bridge.name)
            return held is not None and not is_ours(held.link, bridge)

    def delete_bridge(self, bridge: Bridge) -> None:
        """Take the bridge away, where it is there and ours."""
        with self._verb("delete_bridge"):
            held = self._memory.find(bridge.name)
            if held is not None and is_ours(held.link, bridge):
                self._memory.delete(held.link)
                self._loopbacks.discard(bridge.name)

    def attach(self, veth: Veth) -> None:
        """Make the endpoint, or bring it to what it should be."""
        with self._verb("attach"):
            cookie = self._enter(veth.sandbox)
            bridge = self._memory.find(veth.bridge)
            if bridge is None:
                raise KernelError(f"there is no {veth.bridge}", metadata={"errno": "ENODEV"})
            if bridge.link.kind != "bridge":
                raise KernelError(f"{veth.bridge} is no bridge", metadata={"errno": "ENOTSUP"})
            if veth.bridge_mac not in ("", bridge.link.mac):
                raise taken(veth.bridge)
            master = bridge.link.index
            outer = self._memory.outer(veth, master, cookie)
            self._pass("attach.mark")
            outer.link = replace(
                outer.link,
                mark=veth.mark,
                mac=veth.outer_mac,
                mtu=veth.mtu,
                master=master,
                up=True,
                isolated=veth.isolated,
                hairpin=veth.hairpin or outer.link.hairpin,
            )
            outer.rate = veth.ingress or outer.rate
            if veth.shaper:
                shaper = self._memory.shaper(veth.shaper)
                self._pass("attach.shaper")
                shaper.link = replace(shaper.link, mark=veth.shaper.mark, up=True)
                shaper.rate, outer.leads_through = veth.shaper.rate, shaper.link.index
            self._pass("attach.inner")
            inner = self._memory.at(outer.link.peer)
            if inner is not None and veth.sandbox is not None:
                self._memory.finish(inner, veth)

    def detach(self, endpoints: Iterable[Veth]) -> None:
        """Take the endpoints away, those that are there and ours."""
        with self._verb("detach"):
            for veth in endpoints:
                self._memory.remove(veth)
                if veth.shaper:
                    self._memory.remove(veth.shaper)

    def adjust(self, endpoints: Iterable[Veth]) -> None:
        """Set isolation and hairpin of those that are there, ours and in their bridge."""
        with self._verb("adjust"):
            for veth in endpoints:
                held = self._memory.find(veth.name)
                master = self._memory.at(held.link.master) if held else None
                in_place = master is not None and master.link.name == veth.bridge
                if held is not None and in_place and is_ours(held.link, veth):
                    held.link = replace(held.link, isolated=veth.isolated, hairpin=veth.hairpin)

    def inspect(self, veth: Veth) -> Snapshot:
        """Look at what there is of the endpoint."""
        with self._verb("inspect"):
            outer = self._memory.find(veth.name)
            master = self._memory.at(outer.link.master) if outer else None
            seen = Snapshot(
                outer.link if outer else None,
                master.link.name if master else "",
                master_mac=master.link.mac if master else "",
            )
            seen = self._memory.limits(veth, seen)
            try:
                inner = self._memory.find(veth.interface, self._enter(veth.sandbox))
            except SandboxNotFound:
                return replace(seen, sandbox_there=False)
            if inner is None:
                return seen
            return replace(
                seen,
                inner=inner.link,
                addresses=frozenset(inner.addresses),
                routes=frozenset(inner.routes),
                settings={key: inner.settings.get(key, "") for key in veth.settings},
            )

    def marked(self) -> Sequence[Link]:
        """List the links of the host that carry a mark of mynet."""
        with self._verb("marked"):
            here = [held.link for held in self._memory.inside(HOST)]
            return [link for link in here if read_mark(link.mark) != ("", "")]

    def inspect_bridge(self, bridge: Bridge) -> BridgeSnapshot:
        """Look at what there is of the bridge."""
        with self._verb("inspect_bridge"):
            held = self._memory.find(bridge.name)
            if held is None:
                return BridgeSnapshot(None)
            return BridgeSnapshot(held.link, frozenset(held.addresses))

    def remove(self, link: Link) -> None:
        """Take a marked link away, if it is still the one that was listed."""
        with self._verb("remove"):
            held = self._memory.at(link.index)
            if held is not None and held.link.mark == link.mark:
                self._memory.delete(held.link)

    def load_firewall(
        self,
        instance: str,
        segments: Iterable[Segment],
        publications: Iterable[Publication] = (),
    ) -> None:
        """Replace what the firewall holds."""
        with self._verb("load_firewall"):
            self._segments = {segment.bridge: segment for segment in segments}
            self._publications = {each.endpoint: each for each in publications}
            self._load()

    def add_segment(self, instance: str, segment: Segment) -> None:
        """Put the network into the firewall, with all others if it was flushed."""
        with self._verb("add_segment"):
            self._segments[segment.bridge] = segment
            self._load()

    def remove_segment(self, segment: Segment) -> None:
        """Take the network out of the firewall."""
        with self._verb("remove_segment"):
            self._segments.pop(segment.bridge, None)

    def publish(self, instance: str, publication: Publication) -> None:
        """Put the endpoint's ports into the firewall."""
        with self._verb("publish"):
            self._publications[publication.endpoint] = publication
            if not publication.forwards:
                del self._publications[publication.endpoint]
            self._load()
            self._pass("publish.forget")

    def unpublish(self, publication: Publication) -> None:
        """Take the endpoint's ports out of the firewall."""
        with self._verb("unpublish"):
            self._publications.pop(publication.endpoint, None)

    def unpublished(self, publication: Publication) -> Sequence[Forward]:
        """List those of the endpoint's ports that the firewall does not have."""
        with self._verb("unpublished"):
            standing = self.publications.get(publication.endpoint, Publication("")).forwards
            return [each for each in publication.forwards if each not in standing]

    def open_loopback(self, bridge: str) -> None:
        """Remember that packets from 127.0.0.1 may pass the bridge."""
        with self._verb("open_loopback"):
            if self._memory.find(bridge) is None:
                raise KernelError(f"there is no {bridge}", metadata={"errno": "ENOENT"})
            self._loopbacks.add(bridge)

    def hold(self, binding: Binding) -> FakeHold | None:
        """Hold a port that nobody else has."""
        with self._verb("hold"):
            return self._ports.take(binding, _MYNETD, self._give_back)

    def program_at(self, binding: Binding) -> Program | None:
        """Tell who has a port."""
        with self._verb("program_at"):
            return self._ports.program_at(binding)

    def choosable_ports(self) -> Sequence[range]:
        """List what the fake was told."""
        with self._verb("choosable_ports"):
            return list(self.choosable)

    def enable_forwarding(self, *, ipv4: bool, ipv6: bool) -> None:
        """Remember which versions are forwarded."""
        with self._verb("enable_forwarding"):
            self._forwarding |= {version for version, on in ((4, ipv4), (6, ipv6)) if on}

    def look_around(self) -> Surroundings:
        """Tell what the fake was told, and where published ports lead."""
        with self._verb("look_around"):
            forwards = [each for one in self._publications.values() for each in one.forwards]
            return replace(self.surroundings, targets=frozenset(each.target for each in forwards))

    def hear_advertisements(self) -> None:
        """Have no uplink deaf any more."""
        with self._verb("hear_advertisements"):
            self.surroundings = replace(self.surroundings, deaf=())

    def forwards(self) -> frozenset[int]:
        """Return the versions that are forwarded."""
        with self._verb("forwards"):
            return frozenset(self._forwarding)

    def is_loopback_open(self, bridge: str) -> bool:
        """Say whether packets from 127.0.0.1 may pass the bridge."""
        with self._verb("is_loopback_open"):
            return bridge in self._loopbacks

    def survey(self) -> Survey:
        """Look at all links of the host."""
        with self._verb("survey"):
            here = list(self._memory.inside(HOST))
            return Survey(
                {held.link.name: held.link for held in here},
                {held.link.index: frozenset(held.addresses) for held in here},
            )

    def rules_stand(self) -> bool:
        """Say whether the firewall was flushed since it was loaded."""
        with self._verb("rules_stand"):
            return not (self._is_loaded and self._is_flushed)

    def unfiltered(self, segment: Segment) -> Sequence[str]:
        """List what the firewall lacks of the network."""
        with self._verb("unfiltered"):
            if not self._is_loaded or self.segments.get(segment.bridge) == segment:
                return ()
            return [f"{text(each)} in the set {each.set}" for each in elements(segment)]

    def unserved(
        self, segments: Sequence[Segment], publications: Sequence[Publication]
    ) -> frozenset[str]:
        """Tell which bridges and endpoints the firewall is not right for."""
        with self._verb("unserved"):
            return frozenset(
                [each.bridge for each in segments if self.unfiltered(each)]
                + [each.endpoint for each in publications if self.unpublished(each)]
            )

    def misfiltered(
        self,
        instance: str,
        segments: Sequence[Segment],
        possible: Sequence[Segment],
        publications: Iterable[Publication],
    ) -> Sequence[str]:
        """Tell how the firewall is not what these make of it."""
        with self._verb("misfiltered"):
            if not self._is_loaded or self._is_flushed:
                return ["The firewall's table inet mynet is not there."]
            found = _elements(self._segments.values(), self._publications.values())
            wanted = _elements(possible, publications)
            lacks = [each for each in _elements(segments) if each not in found]
            asked = {(each.set, each.value) for each in wanted}
            return [
                *(f"The firewall lacks {text(each)} in the set {each.set}." for each in lacks),
                *(
                    f"The firewall has {text(each)} in the {'map' if each.data else 'set'}"
                    f" {each.set}, which nothing on record asks for."
                    for each in found
                    if (each.set, each.value) not in asked
                ),
            ]

    def watch(self, notice: Callable[[frozenset[str]], None]) -> Watch:
        """Tell what tests do to it; the real one tells what anybody does."""
        with self._verb("watch"):
            self._watches.append(_FakeWatch(notice, self._watches))
            return self._watches[-1]

    def close(self) -> None:
        """Nothing is kept."""

    def _notify(self, *marks: str) -> None:
        """Tell those who watch. Holds no lock: they may ask at once."""
        for each in list(self._watches):
            each.notice(frozenset(marks))

    # How it is done. All of it holds ``_lock``.

    def _load(self) -> None:
        self._is_loaded, self._is_flushed = True, False

    def _joined(self, link: Link) -> list[Link]:
        """List what loses something with a link: its other end, or the ports of a bridge."""
        here = [held.link for held in self._memory.inside(HOST)]
        return [other for other in here if link.index in (other.peer, other.master)]

    @contextmanager
    def _verb(self, name: str) -> Iterator[None]:
        with self._lock:
            self.calls[name] += 1
            self._pass(name)
            yield

    def _pass(self, point: str) -> None:
        """Go past a point, or fail there as told."""
        times, error = self._failures.pop(point, (0, None))
        if error is not None:
            if times > 1:
                self._failures[point] = (times - 1, error)
            raise error

    def _give_back(self, hold: FakeHold) -> None:
        with self._lock:
            self._ports.give_back(hold)

    def _enter(self, sandbox: Sandbox | None) -> int:
        if sandbox is None:
            return HOST
        if self._sandboxes.get(sandbox.path) != sandbox.cookie:
            raise SandboxNotFound(f"{sandbox.path} does not lead to the sandbox any more")
        return sandbox.cookie


def _elements(
    segments: Iterable[Segment], publications: Iterable[Publication] = ()
) -> dict[Element, None]:
    """Tell what all of these put into the firewall, in order."""
    of_segments = chain.from_iterable(map(elements, segments))
    return dict.fromkeys(chain(of_segments, *map(published, publications)))
