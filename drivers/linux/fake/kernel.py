"""The verbs of the kernel in memory. That they do what the real ones do is a test of both."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from mynet.drivers.api import IPNetwork, Sandbox
from mynet.drivers.errors import KernelError, SandboxNotFound
from mynet.drivers.linux.fake import veths
from mynet.drivers.linux.fake.host import FakeWatch, Host
from mynet.drivers.linux.fake.links import finish_bridge
from mynet.drivers.linux.fake.ports import FakeHold
from mynet.drivers.linux.fake.sandboxes import HOST
from mynet.drivers.linux.interface import Watch
from mynet.drivers.linux.links.alias import is_ours, read_mark
from mynet.drivers.linux.values.desired import Bridge, NetworkRules, Veth
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.observed import BridgeSnapshot, Link, Snapshot, Survey
from mynet.drivers.linux.values.ports import Binding, Forward, PortForwards, Program

_MYNETD = Program(1, "mynetd")
_P = ParamSpec("_P")
_R = TypeVar("_R")


def _verb(
    method: "Callable[Concatenate[FakeKernel, _P], _R]",
) -> "Callable[Concatenate[FakeKernel, _P], _R]":
    """Make it a verb: under the lock, counted, and failing where it was told to."""

    @wraps(method)
    def ask(self: "FakeKernel", /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self._lock:
            self.calls[method.__name__] += 1
            self._go_past(method.__name__)
            return method(self, *args, **kwargs)

    return ask


class FakeKernel(Host):
    """Implements :class:`~mynet.drivers.linux.interface.Kernel` in memory."""

    @_verb
    def identify(self, path: str) -> Sandbox:
        """Tell which namespace ``path`` leads to now."""
        return self._sandboxes.identify(path)

    @_verb
    def exists(self, sandbox: Sandbox) -> bool:
        """Say whether the namespace is still there, under whatever path."""
        return self._sandboxes.exists(sandbox)

    @_verb
    def locate(self, sandboxes: Iterable[Sandbox]) -> Mapping[int, str]:
        """Find a path that leads to each namespace now, by its cookie."""
        return self._sandboxes.locate(sandboxes)

    def foreigners(self, instance: str) -> Sequence[str]:
        """List the links of the host that carry another instance's mark."""
        return [link.name for link in self.marked() if read_mark(link.mark)[0] != instance]

    @_verb
    def device_names(self, sandbox: Sandbox | None) -> frozenset[str]:
        """List the names of links that are taken."""
        here = self._links.inside(self._sandboxes.enter(sandbox))
        return frozenset({"lo", *(held.link.name for held in here)})

    @_verb
    def has_device(self, name: str) -> bool:
        """Say whether a link of the host has that name."""
        return name == "lo" or self._links.find(name) is not None

    @_verb
    def uplink_mtu(self) -> int:
        """Tell the MTU that the fake was made with."""
        return self._uplink_mtu

    @_verb
    def occupied(self) -> Sequence[IPNetwork]:
        """List the subnets of the host's addresses."""
        return [address.network for held in self._links.inside(HOST) for address in held.addresses]

    @_verb
    def ensure_bridge(self, bridge: Bridge) -> None:
        """Make the bridge, or bring it to what it should be."""
        held = self._links.begin_bridge(bridge)
        self._go_past("ensure_bridge.mark")
        finish_bridge(held, bridge)

    @_verb
    def is_taken(self, bridge: Bridge) -> bool:
        """Say whether a link that is not ours stands under the bridge's name."""
        held = self._links.find(bridge.name)
        return held is not None and not is_ours(held.link, bridge)

    @_verb
    def delete_bridge(self, bridge: Bridge) -> None:
        """Take the bridge away, where it is there and ours."""
        held = self._links.find(bridge.name)
        if held is not None and is_ours(held.link, bridge):
            self._links.delete(held.link)
            self._loopbacks.discard(bridge.name)

    @_verb
    def attach(self, veth: Veth) -> None:
        """Make the endpoint, or bring it to what it should be."""
        veths.attach(self._links, veth, self._sandboxes.enter(veth.sandbox), self._go_past)

    @_verb
    def detach(self, endpoints: Iterable[Veth]) -> None:
        """Take the endpoints away, those that are there and ours."""
        for veth in endpoints:
            veths.detach(self._links, veth)

    @_verb
    def adjust(self, endpoints: Iterable[Veth]) -> None:
        """Set isolation and hairpin of those that are there, ours and in their bridge."""
        for veth in endpoints:
            veths.adjust(self._links, veth)

    @_verb
    def inspect(self, veth: Veth) -> Snapshot:
        """Look at what there is of the endpoint."""
        outside = veths.inspect_outer(self._links, veth)
        try:
            cookie = self._sandboxes.enter(veth.sandbox)
        except SandboxNotFound:
            return replace(outside, sandbox_there=False)
        return veths.inspect_inner(self._links, veth, cookie, outside)

    @_verb
    def marked(self) -> Sequence[Link]:
        """List the links of the host that carry a mark of mynet."""
        here = [held.link for held in self._links.inside(HOST)]
        return [link for link in here if read_mark(link.mark) != ("", "")]

    @_verb
    def inspect_bridge(self, bridge: Bridge) -> BridgeSnapshot:
        """Look at what there is of the bridge."""
        held = self._links.find(bridge.name)
        return (
            BridgeSnapshot(held.link, frozenset(held.addresses)) if held else BridgeSnapshot(None)
        )

    @_verb
    def remove(self, link: Link) -> None:
        """Take a marked link away, if it is still the one that was listed."""
        held = self._links.at(link.index)
        if held is not None and held.link.mark == link.mark:
            self._links.delete(held.link)

    @_verb
    def load_firewall(
        self,
        instance: str,
        segments: Iterable[NetworkRules],
        publications: Iterable[PortForwards] = (),
    ) -> None:
        """Replace what the firewall holds."""
        self._firewall.load(segments, publications)

    @_verb
    def add_segment(self, instance: str, segment: NetworkRules) -> None:
        """Put the network into the firewall, with all others if it was flushed."""
        self._firewall.add(segment)

    @_verb
    def remove_segment(self, segment: NetworkRules) -> None:
        """Take the network out of the firewall."""
        self._firewall.remove(segment)

    @_verb
    def publish(self, instance: str, publication: PortForwards) -> None:
        """Put the endpoint's ports into the firewall."""
        self._firewall.publish(publication)
        self._go_past("publish.forget")

    @_verb
    def unpublish(self, publication: PortForwards) -> None:
        """Take the endpoint's ports out of the firewall."""
        self._firewall.unpublish(publication)

    @_verb
    def unpublished(self, publication: PortForwards) -> Sequence[Forward]:
        """List those of the endpoint's ports that the firewall does not have."""
        return self._firewall.unpublished(publication)

    @_verb
    def open_loopback(self, bridge: str) -> None:
        """Remember that packets from 127.0.0.1 may pass the bridge."""
        if self._links.find(bridge) is None:
            raise KernelError(f"there is no {bridge}", metadata={"errno": "ENOENT"})
        self._loopbacks.add(bridge)

    @_verb
    def hold(self, binding: Binding) -> FakeHold | None:
        """Hold a port that nobody else has."""
        return self._ports.take(binding, _MYNETD, self._give_back)

    @_verb
    def program_at(self, binding: Binding) -> Program | None:
        """Tell who has a port."""
        return self._ports.program_at(binding)

    @_verb
    def choosable_ports(self) -> Sequence[range]:
        """List what the fake was told."""
        return list(self.choosable)

    @_verb
    def enable_forwarding(self, *, ipv4: bool, ipv6: bool) -> None:
        """Remember which versions are forwarded."""
        self._forwarding |= {version for version, on in ((4, ipv4), (6, ipv6)) if on}

    @_verb
    def look_around(self) -> Surroundings:
        """Tell what the fake was told, and where published ports lead."""
        return replace(self.surroundings, targets=self._firewall.targets())

    @_verb
    def hear_advertisements(self) -> None:
        """Have no uplink deaf any more."""
        self.surroundings = replace(self.surroundings, deaf=())

    @_verb
    def forwards(self) -> frozenset[int]:
        """Return the versions that are forwarded."""
        return frozenset(self._forwarding)

    @_verb
    def is_loopback_open(self, bridge: str) -> bool:
        """Say whether packets from 127.0.0.1 may pass the bridge."""
        return bridge in self._loopbacks

    @_verb
    def survey(self) -> Survey:
        """Look at all links of the host."""
        here = list(self._links.inside(HOST))
        return Survey(
            {held.link.name: held.link for held in here},
            {held.link.index: frozenset(held.addresses) for held in here},
        )

    @_verb
    def rules_stand(self) -> bool:
        """Say whether the firewall was not flushed since it was loaded."""
        return self._firewall.rules_stand()

    @_verb
    def unfiltered(self, segment: NetworkRules) -> Sequence[str]:
        """List what the firewall lacks of the network."""
        return self._firewall.unfiltered(segment)

    @_verb
    def unserved(
        self, segments: Sequence[NetworkRules], publications: Sequence[PortForwards]
    ) -> frozenset[str]:
        """Tell which bridges and endpoints the firewall is not right for."""
        return self._firewall.unserved(segments, publications)

    @_verb
    def misfiltered(
        self,
        instance: str,
        segments: Sequence[NetworkRules],
        possible: Sequence[NetworkRules],
        publications: Iterable[PortForwards],
    ) -> Sequence[str]:
        """Tell how the firewall is not what these make of it."""
        return self._firewall.misfiltered(segments, possible, publications)

    @_verb
    def watch(self, notice: Callable[[frozenset[str]], None]) -> Watch:
        """Tell what tests do to it; the real one tells what anybody does."""
        self._watches.append(FakeWatch(notice, self._watches))
        return self._watches[-1]

    def close(self) -> None:
        """Nothing is kept."""
