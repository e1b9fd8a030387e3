"""What drivers ask of the kernel: the verbs.

:class:`Kernel` is implemented twice: by ``kernel.LinuxKernel`` over netlink and by
``fake.FakeKernel`` in memory. Its verbs say what should be; asking twice is asking once. They are
asked with values of ``desired`` and ``ports``, and answer with those of ``observed``.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from mynet.drivers.api import IPNetwork, Sandbox
from mynet.drivers.linux.values.desired import Bridge, NetworkRules, Veth
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.observed import BridgeSnapshot, Link, Snapshot, Survey
from mynet.drivers.linux.values.ports import Binding, Forward, Hold, PortForwards, Program

DEFAULT_MTU = 1500


class Watch(Protocol):
    """Somebody who is told of changes."""

    def close(self) -> None:
        """Be told of nothing any more: when this returns, nothing is on its way."""


class Kernel(Protocol):
    """The kernel's networking, for the namespace of the thread that calls.

    Every verb may be called from many threads at once and raises only what
    :mod:`mynet.drivers.errors` has.
    """

    def identify(self, path: str) -> Sandbox:
        """Tell which namespace ``path`` leads to now, or raise ``SandboxNotFound``."""

    def exists(self, sandbox: Sandbox) -> bool:
        """Say whether the namespace is still there, wherever it is found."""

    def device_names(self, sandbox: Sandbox | None) -> frozenset[str]:
        """List the names of links that are taken, in the sandbox or on the host."""

    def has_device(self, name: str) -> bool:
        """Say whether a link of the host has that name, however many there are."""

    def uplink_mtu(self) -> int:
        """Tell the MTU in bytes of the default route's device, 1500 where there is none."""

    def occupied(self) -> Sequence[IPNetwork]:
        """List where the host's addresses and routes lead, of all tables, but for defaults."""

    def ensure_bridge(self, bridge: Bridge) -> None:
        """Make the bridge, or bring it to what it should be."""

    def is_taken(self, bridge: Bridge) -> bool:
        """Say whether a link that is not ours stands under the bridge's name."""

    def delete_bridge(self, bridge: Bridge) -> None:
        """Take the bridge away, where it is there and ours."""

    def attach(self, veth: Veth) -> None:
        """Make the endpoint, or bring it to what it should be: packets flow on return."""

    def detach(self, endpoints: Iterable[Veth]) -> None:
        """Take the endpoints away, those that are there and ours: all links gone on return."""

    def adjust(self, endpoints: Iterable[Veth]) -> None:
        """Set ``isolated`` and ``hairpin`` of those that are there, ours and in their bridge."""

    def inspect(self, veth: Veth) -> Snapshot:
        """Look at what there is of the endpoint. Changes nothing."""

    def marked(self) -> Sequence[Link]:
        """List the links of the host that carry a mark of mynet, of whatever instance."""

    def inspect_bridge(self, bridge: Bridge) -> BridgeSnapshot:
        """Look at what there is of the bridge. Changes nothing."""

    def remove(self, link: Link) -> None:
        """Take a marked link away, if it is still the one that was listed."""

    def load_firewall(
        self,
        instance: str,
        segments: Iterable[NetworkRules],
        publications: Iterable[PortForwards] = (),
    ) -> None:
        """Replace the firewall table whole, in one transaction."""

    def add_segment(self, instance: str, segment: NetworkRules) -> None:
        """Let the network's packets through as its segment says."""

    def remove_segment(self, segment: NetworkRules) -> None:
        """Forget the network; what is not in the firewall is success."""

    def publish(self, instance: str, publication: PortForwards) -> None:
        """Have the endpoint's ports lead to it, and no others, in one transaction."""

    def unpublish(self, publication: PortForwards) -> None:
        """Forget the endpoint's ports; what is not in the firewall is success."""

    def unpublished(self, publication: PortForwards) -> Sequence[Forward]:
        """List those of the endpoint's ports that the firewall does not lead to it."""

    def open_loopback(self, bridge: str) -> None:
        """Let packets from 127.0.0.1 pass the bridge; the firewall guards the way back."""

    def hold(self, binding: Binding) -> Hold | None:
        """Hold a port; None where another program has it. Raises ``PortsExhausted``."""

    def program_at(self, binding: Binding) -> Program | None:
        """Tell which program has a port, or None where that cannot be seen."""

    def choosable_ports(self) -> Sequence[range]:
        """List the ports that the kernel itself chooses from, without those that are reserved."""

    def enable_forwarding(self, *, ipv4: bool, ipv6: bool) -> None:
        """Turn on what is off of the families asked for. It is never turned off again."""

    def look_around(self) -> Surroundings:
        """Tell what else on this host decides about our packets. Changes nothing."""

    def hear_advertisements(self) -> None:
        """Have uplinks that live by router advertisements hear them, although the host forwards."""

    def forwards(self) -> frozenset[int]:
        """Return the IP versions that the host forwards."""

    def is_loopback_open(self, bridge: str) -> bool:
        """Say whether packets from 127.0.0.1 may pass the bridge."""

    def survey(self) -> Survey:
        """Look at all links of the host at once. Changes nothing."""

    def rules_stand(self) -> bool:
        """Say whether the firewall's rules are as they were loaded, whatever is in its sets.

        Before they are loaded for the first time there is nothing that they could differ from.
        """

    def unfiltered(self, segment: NetworkRules) -> Sequence[str]:
        """List what the firewall's sets lack of the network, each as nft(8) would write it."""

    def unserved(
        self, segments: Sequence[NetworkRules], publications: Sequence[PortForwards]
    ) -> frozenset[str]:
        """Tell for which bridges, and which endpoints' ids, the firewall is not as it should be.

        Costs nothing while nobody has changed any firewall since the last time that all was well.
        """

    def misfiltered(
        self,
        instance: str,
        segments: Sequence[NetworkRules],
        possible: Sequence[NetworkRules],
        publications: Iterable[PortForwards],
    ) -> Sequence[str]:
        """Tell how the firewall is not what a start would make of these, a sentence each.

        For who has not loaded it. It is to have what ``segments`` say, and may have what
        ``possible`` ones and ``publications`` say, but nothing else. Whether ports lead where
        they should, ``unpublished`` tells.
        """

    def watch(self, notice: Callable[[frozenset[str]], None]) -> Watch:
        """Tell, from now on, the marks of links that somebody may have damaged, some at a time.

        No marks mean that it may be anything: the firewall's table, forwarding, or what was
        notified while nobody could read as fast. ``notice`` is called from a thread of its own.
        """

    def close(self) -> None:
        """Let go of what is kept between calls, but for held ports."""
