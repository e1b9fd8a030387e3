"""The real kernel: the verbs of :class:`~mynet.drivers.linux.interface.Kernel`, over netlink."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from mynet.drivers.api import IPNetwork, Sandbox
from mynet.drivers.linux import netns
from mynet.drivers.linux.firewall.firewall import Firewall
from mynet.drivers.linux.group_commit import GroupCommit
from mynet.drivers.linux.host import routes, sysctl
from mynet.drivers.linux.host_firewalls import inspect
from mynet.drivers.linux.interface import Watch
from mynet.drivers.linux.links import bridges, veths
from mynet.drivers.linux.links.alias import read_mark
from mynet.drivers.linux.links.batch_delete import delete_links
from mynet.drivers.linux.links.gratuitous_arp import Announcer
from mynet.drivers.linux.netlink.netlink_socket import Netlink
from mynet.drivers.linux.ports import reservations
from mynet.drivers.linux.ports.owners import find_program
from mynet.drivers.linux.values.desired import Bridge, NetworkRules, Veth
from mynet.drivers.linux.values.host_firewalls import Surroundings
from mynet.drivers.linux.values.observed import BridgeSnapshot, Link, Snapshot, Survey
from mynet.drivers.linux.values.ports import (
    Binding,
    Forward,
    Hold,
    PortForwards,
    Program,
)
from mynet.drivers.linux.watch.monitor import Monitor


class LinuxKernel:
    """The kernel of this host, for the network namespace of the threads that call.

    All of them must be in the same one: detaching and the firewall are shared between callers.
    It keeps no descriptor between calls, but for held ports and one to announce addresses with.
    Each verb's module says how it is done.
    """

    def __init__(self) -> None:
        self._deletions = GroupCommit(delete_links)
        self._firewall = Firewall()
        self._announcer = Announcer()

    def identify(self, path: str) -> Sandbox:
        """Tell which namespace ``path`` leads to now, or raise ``SandboxNotFound``."""
        return netns.identify_other(path)

    def exists(self, sandbox: Sandbox) -> bool:
        """Say whether the namespace is still there, wherever it is found."""
        return netns.find(sandbox) is not None

    def locate(self, sandboxes: Iterable[Sandbox]) -> Mapping[int, str]:
        """Like: lsns -t net."""
        return netns.find_all(sandboxes)

    def foreigners(self, instance: str) -> Sequence[str]:
        """Like: ip -d link, and what in it carries another instance's alias."""
        return [link.name for link in bridges.marked() if read_mark(link.mark)[0] != instance]

    def device_names(self, sandbox: Sandbox | None) -> frozenset[str]:
        """List the names of links that are taken. Like: ``ip -br link``."""
        if sandbox is None:
            return bridges.names()
        with netns.entered(sandbox):
            return bridges.names()

    def has_device(self, name: str) -> bool:
        """Like: ip link show NAME."""
        return bridges.is_there(name)

    def uplink_mtu(self) -> int:
        """Tell the MTU in bytes of the default route's device, 1500 where there is none."""
        return routes.uplink_mtu()

    def occupied(self) -> Sequence[IPNetwork]:
        """Like: ip addr; ip route show table all."""
        return routes.occupied()

    def ensure_bridge(self, bridge: Bridge) -> None:
        """Like: ip link add NAME type bridge."""
        bridges.ensure_bridge(bridge)
        sysctl.ignore_advertisements(bridge.name)

    def is_taken(self, bridge: Bridge) -> bool:
        """Like: ip -d link show NAME."""
        return bridges.is_taken(bridge)

    def delete_bridge(self, bridge: Bridge) -> None:
        """Like: ip link delete NAME."""
        bridges.delete_bridge(bridge)

    def attach(self, veth: Veth) -> None:
        """Like: ip link add NAME master BRIDGE type veth peer IFACE netns NS."""
        veths.attach(veth, self._announcer)

    def detach(self, endpoints: Iterable[Veth]) -> None:
        """Like: ip link delete NAME, for many at once."""
        with Netlink() as nl:
            ours = [link for veth in endpoints for link in veths.links_of(nl, veth)]
        self._deletions.submit(ours)

    def adjust(self, endpoints: Iterable[Veth]) -> None:
        """Like: ip link set dev NAME type bridge_slave isolated on hairpin on, for many at once."""
        veths.adjust(endpoints)

    def inspect(self, veth: Veth) -> Snapshot:
        """Like: ip addr; ip route."""
        return veths.inspect(veth)

    def marked(self) -> Sequence[Link]:
        """Like: ip -d link."""
        return bridges.marked()

    def inspect_bridge(self, bridge: Bridge) -> BridgeSnapshot:
        """Like: ip -d addr show dev NAME."""
        return bridges.inspect_bridge(bridge)

    def remove(self, link: Link) -> None:
        """Like: ip link delete NAME."""
        bridges.remove(link)

    def load_firewall(
        self,
        instance: str,
        segments: Iterable[NetworkRules],
        publications: Iterable[PortForwards] = (),
    ) -> None:
        """Like: nft -f FILE."""
        self._firewall.load(instance, segments, publications)

    def add_segment(self, instance: str, segment: NetworkRules) -> None:
        """Like: nft add element inet mynet ..."""
        self._firewall.add(instance, segment)

    def remove_segment(self, segment: NetworkRules) -> None:
        """Like: nft delete element inet mynet ..."""
        self._firewall.remove(segment)

    def publish(self, instance: str, publication: PortForwards) -> None:
        """Like: nft add element inet mynet pub4 ...; conntrack -D --orig-port-dst PORT."""
        self._firewall.publish(instance, publication)

    def unpublish(self, publication: PortForwards) -> None:
        """Like: nft delete element inet mynet pub4 ...; conntrack -D --orig-port-dst PORT."""
        self._firewall.unpublish(publication)

    def unpublished(self, publication: PortForwards) -> Sequence[Forward]:
        """Like: nft get element inet mynet pub4 ..."""
        return self._firewall.missing_forwards(publication)

    def open_loopback(self, bridge: str) -> None:
        """Like: sysctl -w net.ipv4.conf.BRIDGE.route_localnet=1."""
        sysctl.open_loopback(bridge)

    def hold(self, binding: Binding) -> Hold | None:
        """Hold a port with a socket that is bound and never listens."""
        return reservations.hold(binding)

    def program_at(self, binding: Binding) -> Program | None:
        """Like: ss -antup."""
        return find_program(binding)

    def choosable_ports(self) -> Sequence[range]:
        """Like: sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports."""
        return reservations.choosable_ports()

    def forwards(self) -> frozenset[int]:
        """Like: sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding."""
        return sysctl.forwards()

    def is_loopback_open(self, bridge: str) -> bool:
        """Like: sysctl net.ipv4.conf.BRIDGE.route_localnet."""
        return sysctl.is_loopback_open(bridge)

    def survey(self) -> Survey:
        """Like: ip -d addr."""
        return bridges.survey()

    def rules_stand(self) -> bool:
        """Like: nft -a -t list table inet mynet."""
        return self._firewall.is_intact()

    def unfiltered(self, segment: NetworkRules) -> Sequence[str]:
        """Like: nft get element inet mynet br_all ..."""
        return self._firewall.missing(segment)

    def unserved(
        self, segments: Sequence[NetworkRules], publications: Sequence[PortForwards]
    ) -> frozenset[str]:
        """Like: nft list ruleset, where there was a transaction since the last time."""
        return self._firewall.drifted(segments, publications)

    def misfiltered(
        self,
        instance: str,
        segments: Sequence[NetworkRules],
        possible: Sequence[NetworkRules],
        publications: Iterable[PortForwards],
    ) -> Sequence[str]:
        """Like: nft -s list table inet mynet, here and where it was loaded just now."""
        return self._firewall.unexpected(instance, segments, possible, publications)

    def watch(self, notice: Callable[[frozenset[str]], None]) -> Watch:
        """Like: ip monitor link address netconf; nft monitor."""
        return Monitor(notice, self._firewall.own_netlink_ports)

    def enable_forwarding(self, *, ipv4: bool, ipv6: bool) -> None:
        """Like: sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1."""
        sysctl.enable_forwarding(ipv4=ipv4, ipv6=ipv6)

    def look_around(self) -> Surroundings:
        """Like: nft list chains; sysctl net.bridge."""
        return inspect.look_around(self._firewall.targets())

    def hear_advertisements(self) -> None:
        """Like: sysctl -w net.ipv6.conf.UPLINK.accept_ra=2."""
        sysctl.hear_advertisements()

    def close(self) -> None:
        """Let go of the descriptor that addresses are announced with."""
        self._announcer.close()
