"""What drivers and the daemon ask of the kernel, by subject.

:class:`Kernel` is implemented twice: by :class:`~mynet.drivers.linux.kernel.LinuxKernel` over
netlink, and by :class:`~mynet.drivers.linux.fake.kernel.FakeKernel` in memory. Each subject is an
attribute of it, and an object of its own. Its methods take the values of ``values.desired`` and
``values.ports``, and return those of ``values.observed``.

All methods are idempotent, may be called from many threads at once, work in the network namespace
of the calling thread, and raise only what :mod:`mynet.drivers.errors` has.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from mynet.drivers.api import IPAddress, IPNetwork, Sandbox
from mynet.drivers.linux.values.desired import Bridge, NetworkRules, RouteSource, Veth
from mynet.drivers.linux.values.echo import EchoRequest
from mynet.drivers.linux.values.endpoint_rules import Attachment, EndpointRules, admit_nothing
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.observed import BridgeSnapshot, Link, Snapshot, Survey
from mynet.drivers.linux.values.paths import Obstacle, Path
from mynet.drivers.linux.values.ports import Binding, Forward, Program, Reservation, UsedPort
from mynet.drivers.linux.values.replies import Uplink


class Sandboxes(Protocol):
    """The network namespaces that endpoints are in."""

    def identify(self, path: str) -> Sandbox:
        """Return the namespace that ``path`` leads to now. Raises ``SandboxNotFound``."""

    def exists(self, sandbox: Sandbox) -> bool:
        """Return whether the namespace still exists, at its path or at another."""

    def locate(self, sandboxes: Iterable[Sandbox]) -> Mapping[int, str]:
        """Return a path to each namespace that still exists, by its cookie."""

    def device_names(self, sandbox: Sandbox) -> frozenset[str]:
        """Return the names of all links in the sandbox, with the alternative ones.

        Raises ``SandboxNotFound``.
        """


class Links(Protocol):
    """The links of the host, and of the sandboxes that endpoints are in."""

    def has_device(self, name: str) -> bool:
        """Return whether a link of the host has that name, as its first or as an alternative."""

    def list_marked(self) -> Sequence[Link]:
        """Return the links of the host that carry a mark of mynet, of any instance."""

    def foreign_devices(self, instance: str) -> Sequence[str]:
        """Return the names of the host's links that carry the mark of another instance."""

    def delete(self, link: Link) -> None:
        """Delete a marked link, if its index and mark are still those that were listed."""

    def set_altnames(self, instance: str) -> None:
        """Give the instance's links the alternative names that they lack, as earlier versions did.

        A link that another one has copied the mark of gets none, as only one of them could.
        """

    def survey(self) -> Survey:
        """Return all links of the host with their addresses, from one inspection."""

    def ensure_bridge(self, bridge: Bridge) -> None:
        """Create the bridge, or change it to what it should be. Raises ``InterfaceExists``."""

    def is_taken(self, bridge: Bridge) -> bool:
        """Return whether another program's link has the bridge's name."""

    def delete_bridge(self, bridge: Bridge) -> None:
        """Delete every bridge with the bridge's mark; no such bridge is success."""

    def inspect_bridge(self, bridge: Bridge) -> BridgeSnapshot:
        """Return what exists of the bridge."""

    def open_loopback(self, bridge: str) -> None:
        """Allow packets from 127.0.0.1 on the bridge; the firewall guards the way back."""

    def is_loopback_open(self, bridge: str) -> bool:
        """Return whether packets from 127.0.0.1 are allowed on the bridge."""

    def attach(self, veth: Veth, admit: Callable[[Attachment], object] = admit_nothing) -> None:
        """Create the endpoint, or change it to what it should be. Packets flow on return.

        ``admit`` is called before the endpoint can send anything. It adds the firewall's rules that
        let the endpoint send, and what it raises ends the call. By default it adds none.

        A pair whose inner end is not the daemon's is changed on the host's side alone. Raises
        ``SandboxNotFound``, ``InterfaceExists`` and ``BridgeFull``.
        """

    def detach(self, endpoints: Iterable[Veth]) -> None:
        """Delete the links of the endpoints that exist and are the daemon's own."""

    def attachments(self, endpoints: Iterable[Veth]) -> Sequence[Attachment | None]:
        """Return where each endpoint is attached, None for one that is in no bridge."""

    def adjust(self, endpoints: Iterable[Veth]) -> None:
        """Set how the bridges treat the endpoints that are in their bridge."""

    def inspect(self, veth: Veth) -> Snapshot:
        """Return what exists of the endpoint; of its inner end only if that is the daemon's."""

    def living(self, endpoints: Iterable[Veth]) -> Collection[str]:
        """Return the marks of the endpoints whose pair exists, and so the namespace of each end.

        The kernel deletes a pair with the first of its namespaces that ends.
        """


class Firewall(Protocol):
    """The tables ``inet mynet`` and ``bridge mynet``, and the other firewalls of this host."""

    def load(
        self, instance: str, rules: Iterable[NetworkRules], endpoints: Iterable[EndpointRules] = ()
    ) -> None:
        """Replace both tables, in one transaction."""

    def add(self, instance: str, rules: NetworkRules) -> None:
        """Add a network's rules, and delete those that it had and has no longer."""

    def remove(self, rules: NetworkRules) -> None:
        """Delete a network's rules; those that are missing are success."""

    def add_endpoint(self, instance: str, rules: EndpointRules) -> None:
        """Add an endpoint's rules, and delete those that it had and has no longer.

        This is one transaction. The kernel forgets the UDP flows of ports that led elsewhere
        before. Other flows stay.
        """

    def remove_endpoint(self, rules: EndpointRules) -> None:
        """Delete an endpoint's rules and the UDP flows of its ports.

        Those that are missing are success.
        """

    def keep_for_host(self, ports: frozenset[UsedPort]) -> None:
        """Keep the ports that programs of the host use from being the source of endpoints' packets.

        UDP flows that leave by one of these ports are forgotten once the port was given twice. They
        go on by another. Ports that were given before and are missing now are no longer kept.
        """

    def missing_forwards(self, rules: EndpointRules) -> Sequence[Forward]:
        """Return those of an endpoint's ports that the table does not forward to it."""

    def missing_guard(self, rules: EndpointRules) -> Sequence[str]:
        """Return the elements of what an endpoint may send that the sets lack, as for a network."""

    def is_intact(self) -> bool:
        """Return whether the tables' rules are as they were loaded; their elements do not count.

        Before the first load there is nothing to differ from, so that is True.
        """

    def missing(self, rules: NetworkRules) -> Sequence[str]:
        """Return a network's elements that the sets lack, each as nft(8) writes it."""

    def known(self, bridge: str) -> NetworkRules | None:
        """Return the rules that the network of a bridge was given; None if there is none."""

    def outdated(self, rules: NetworkRules) -> Sequence[str]:
        """Return the elements that the network was given before and should not have any more."""

    def drifted(
        self, rules: Sequence[NetworkRules], endpoints: Sequence[EndpointRules]
    ) -> frozenset[str]:
        """Return the bridges, and the ids of endpoints, whose part of the tables is not right.

        The call is cheap while no program has changed any table since the last one that found
        nothing.
        """

    def unexpected(
        self,
        instance: str,
        rules: Sequence[NetworkRules],
        possible: Sequence[NetworkRules],
        endpoints: Iterable[EndpointRules],
        unfinished: Collection[Attachment] = (),
        detached: Collection[str] = (),
    ) -> Sequence[str]:
        """Return how the tables differ from what a start would load, a sentence each.

        This works in a process that has not loaded the tables. They must have what ``rules`` say,
        and may have what ``possible`` and ``endpoints`` say and anything about the ports and
        bridges in ``unfinished`` and the MAC and IP addresses ``detached``, but nothing else.
        :meth:`missing_forwards` compares where ports lead, and :meth:`missing_guard` what endpoints
        may send.
        """

    def inspect_surroundings(self) -> Surroundings:
        """Return what else on this host decides about the daemon's packets."""


class Ports(Protocol):
    """The ports of the host."""

    def reserve(self, binding: Binding) -> Reservation | None:
        """Reserve a port; None if another program has it. Raises ``PortsExhausted``."""

    def program_at(self, binding: Binding) -> Program | None:
        """Return the program that has a port, None if that cannot be seen."""

    def used(self) -> frozenset[UsedPort]:
        """Return the ports at which programs of the host receive packets from outside.

        Ports that are reserved for endpoints may be among them.
        """

    def choosable_ports(self) -> Sequence[range]:
        """Return the ports that the kernel itself chooses from, without reserved ones."""


class Host(Protocol):
    """The host's own routes and settings."""

    def ip_versions(self) -> frozenset[int]:
        """Return the IP versions that the kernel has: always IPv4, and IPv6 unless it is off."""

    def is_own(self, address: IPAddress) -> bool:
        """Return whether the host has an address now."""

    def route_sources(self) -> Sequence[RouteSource]:
        """Return the source addresses of default routes, where masquerading would take others."""

    def uplink_mtu(self) -> int:
        """Return the MTU in bytes of the default route's device, 1500 if there is none."""

    def occupied_subnets(self) -> Sequence[IPNetwork]:
        """Return the subnets of the host's addresses and routes in all tables, without defaults."""

    def forwarded_versions(self) -> frozenset[int]:
        """Return the IP versions that the host forwards."""

    def enable_forwarding(self, versions: Collection[int]) -> None:
        """Turn on forwarding of these IP versions; it is never turned off again."""

    def accept_router_advertisements(self) -> None:
        """Make uplinks that need router advertisements accept them although the host forwards."""

    def uplinks(self) -> Sequence[Uplink]:
        """Return the devices of default routes in any table, with their numbers in marks.

        An uplink keeps the number that replies are led by, also when the daemon starts again.
        """

    def lead_replies(self, bridge: str) -> None:
        """Lead packets from a bridge that have an uplink's number back to that uplink."""

    def release_replies(self, bridges: Collection[str]) -> None:
        """Route packets from bridges as others; those that are not led are success.

        With the last bridge that is led, the uplinks' tables are removed too.
        """

    def led_bridges(self) -> frozenset[str]:
        """Return the names of bridges whose packets are led back to uplinks."""

    def reply_differences(self, bridges: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Return what is not as :meth:`lead_replies` makes it, in sentences by bridge."""

    def filtered_uplinks(self) -> Sequence[str]:
        """Return the uplinks where strict rp_filter drops IPv4 packets from far away."""

    def next_hops(self) -> Mapping[int, IPAddress]:
        """Return the next hop of the host's default route by IP version, if it has one."""

    def obstacles(self, paths: Sequence[Path]) -> Sequence[Obstacle]:
        """Return what other programs have put in the way of packets, one a path at most.

        The cost is one or two lookups a path, however many routes the host has.
        """

    def opaque_rules(self) -> Sequence[str]:
        """Return the policy rules that :meth:`obstacles` does not exercise, for people."""


class Probes(Protocol):
    """Packets that are sent to see whether an answer comes."""

    def echo(self, requests: Sequence[EchoRequest], deadline: float) -> Sequence[str | None]:
        """Send ICMP echo requests; return for each why no answer came, "" if one did.

        It is None for a request that was not sent because the deadline, in seconds of
        :func:`time.monotonic`, was over.
        """


class Watch(Protocol):
    """A watch that reports changes until it is closed."""

    def close(self) -> None:
        """Stop the reports; when this returns, none is on its way."""


class Monitor(Protocol):
    """Changes that other programs make in the kernel."""

    def watch(self, notice: Callable[[frozenset[str]], None]) -> Watch:
        """Call ``notice`` from now on with the marks of links that may be damaged.

        An empty set means that anything may be damaged: the firewall's table, forwarding, or what
        the kernel notified of faster than it could be read. The calls come from a thread of the
        watch.
        """


class Kernel(Protocol):
    """The kernel's networking."""

    @property
    def sandboxes(self) -> Sandboxes:
        """The network namespaces that endpoints are in."""

    @property
    def links(self) -> Links:
        """The links of the host, and of the sandboxes that endpoints are in."""

    @property
    def firewall(self) -> Firewall:
        """The tables of mynet, and the other firewalls of this host."""

    @property
    def ports(self) -> Ports:
        """The ports of the host."""

    @property
    def host(self) -> Host:
        """The host's own routes and settings."""

    @property
    def probes(self) -> Probes:
        """Packets that are sent to see whether an answer comes."""

    @property
    def monitor(self) -> Monitor:
        """Changes that other programs make in the kernel."""

    def close(self) -> None:
        """Release what is kept between calls, except for reserved ports."""
