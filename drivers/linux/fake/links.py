"""The links of the kernel in memory, as :class:`~mynet.drivers.linux.interface.links.Links`."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from mynet.drivers.errors import KernelError, SandboxNotFound
from mynet.drivers.linux.fake import veths
from mynet.drivers.linux.fake.control import Control, Subject
from mynet.drivers.linux.fake.link_table import LinkTable, with_marks
from mynet.drivers.linux.fake.sandboxes import HOST, SandboxTable
from mynet.drivers.linux.interface.links import Links
from mynet.drivers.linux.links.alias import read_mark
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.values.address_routes import address_routes
from mynet.drivers.linux.values.bridge_settings import settings_of
from mynet.drivers.linux.values.desired import BRIDGE_GROUP, Bridge, Identity, Veth
from mynet.drivers.linux.values.endpoint_rules import Attachment, admit_nothing
from mynet.drivers.linux.values.observed import BridgeSnapshot, Link, Snapshot, Survey


class FakeLinks(Subject, protocol=Links):
    """Its methods do to a table what those of the real kernel do by netlink."""

    def __init__(self, control: Control, table: LinkTable, sandboxes: SandboxTable) -> None:
        super().__init__(control)
        self._table = table
        self._sandboxes = sandboxes
        # The bridges on which packets from 127.0.0.1 are allowed.
        self.open_loopbacks: set[str] = set()

    def has_device(self, name: str) -> bool:
        """Return whether a link of the host has that name."""
        return name == "lo" or self._table.find(name) is not None

    def list_marked(self) -> Sequence[Link]:
        """Return the links of the host that carry a mark of mynet."""
        links = [entry.link for entry in self._table.inside(HOST)]
        return [link for link in links if read_mark(link.mark) != ("", "")]

    def foreign_devices(self, instance: str) -> Sequence[str]:
        """Return the names of the host's links that carry the mark of another instance."""
        return [link.name for link in self.list_marked() if read_mark(link.mark)[0] != instance]

    def delete(self, link: Link) -> None:
        """Delete a marked link, if it is still the one that was listed."""
        entry = self._table.at(link.index)
        if entry is not None and entry.link.mark == link.mark:
            self._table.delete(entry.link)

    def survey(self) -> Survey:
        """Return all links of the host with their addresses."""
        entries = list(self._table.inside(HOST))
        return Survey(
            [entry.link for entry in entries],
            {entry.link.index: frozenset(entry.addresses) for entry in entries},
            {entry.link.index: frozenset(entry.static_macs) for entry in entries},
            {entry.link.index: frozenset(entry.address_routes) for entry in entries},
            {entry.link.index: dict(entry.neighbours) for entry in entries},
        )

    def set_altnames(self, instance: str) -> None:
        """Give the instance's links the alternative names that they lack."""
        for entry in self._table.inside(HOST):
            link = entry.link
            identity = Identity(link.kind, link.name, link.mark, link.mac)
            if read_mark(link.mark)[0] == instance and self._table.find(identity.altname) is None:
                entry.link = replace(link, altnames=(*link.altnames, identity.altname))

    def ensure_bridge(self, bridge: Bridge) -> None:
        """Create the bridge, or change it to what it should be."""
        new = Link(0, bridge.name, "bridge", bridge.mac, bridge.mtu)
        entry = self._table.ensure(new, bridge)
        self._reach("ensure_bridge.mark")
        entry.link = replace(
            with_marks(entry.link, bridge.identity),
            mac=bridge.mac,
            mtu=bridge.mtu,
            group=BRIDGE_GROUP,
            up=True,
            arp=True,
            multicast=True,
            settings=_settings(bridge),
        )
        addresses = with_link_local(bridge.addresses, bridge.mac)
        entry.addresses |= set(addresses)
        entry.address_routes |= set(address_routes(addresses, bridge.without_address))
        entry.static_macs |= {bridge.mac}
        self._table.require_name(entry, bridge.name)

    def is_taken(self, bridge: Bridge) -> bool:
        """Return whether another program's link has the bridge's name."""
        entry = self._table.find(bridge.name)
        return entry is not None and not entry.link.is_of(bridge.identity)

    def delete_bridge(self, bridge: Bridge) -> None:
        """Delete the bridge, if it exists and is the daemon's own."""
        while entry := self._table.find_own(bridge.identity):
            self._table.delete(entry.link)
            self.open_loopbacks.discard(bridge.name)

    def inspect_bridge(self, bridge: Bridge) -> BridgeSnapshot:
        """Return what exists of the bridge."""
        entry = self._table.find_own(bridge.identity) or self._table.find(bridge.name)
        if entry is None:
            return BridgeSnapshot(None)
        return BridgeSnapshot(
            entry.link,
            frozenset(entry.addresses),
            frozenset(entry.address_routes),
            receives=entry.link.mac in entry.static_macs,
        )

    def open_loopback(self, bridge: str) -> None:
        """Allow packets from 127.0.0.1 on the bridge."""
        if self._table.find(bridge) is None:
            raise KernelError(f"there is no {bridge}", metadata={"errno": "ENOENT"})
        self.open_loopbacks.add(bridge)

    def is_loopback_open(self, bridge: str) -> bool:
        """Return whether packets from 127.0.0.1 are allowed on the bridge."""
        return bridge in self.open_loopbacks

    def attach(self, veth: Veth, admit: Callable[[Attachment], object] = admit_nothing) -> None:
        """Create the endpoint, or change it to what it should be."""
        veths.attach(self._table, veth, self._sandboxes.enter, admit, self._reach)

    def detach(self, endpoints: Iterable[Veth]) -> None:
        """Delete the links of the endpoints that exist and are the daemon's own."""
        for veth in endpoints:
            veths.detach(self._table, veth)

    def attachments(self, endpoints: Iterable[Veth]) -> Sequence[Attachment | None]:
        """Return where each endpoint is attached."""
        entries = [self._table.find_own(veth.identity) for veth in endpoints]
        return [
            Attachment(entry.link.index, entry.link.master) if entry and entry.link.master else None
            for entry in entries
        ]

    def adjust(self, endpoints: Iterable[Veth]) -> None:
        """Set how the bridges treat the endpoints that are in their bridge."""
        for veth in endpoints:
            veths.adjust(self._table, veth)

    def inspect(self, veth: Veth) -> Snapshot:
        """Return what exists of the endpoint."""
        seen = veths.inspect_outer(self._table, veth)
        if not veth.manages_inner:
            return seen
        try:
            cookie = self._sandboxes.enter(veth.sandbox)
        except SandboxNotFound:
            return replace(seen, sandbox_there=False)
        inner = veths.find_inner(self._table, veth, cookie)
        return veths.inspect_inner(inner, veth, seen) if inner else seen

    def living(self, endpoints: Iterable[Veth]) -> Collection[str]:
        """Return the marks of the endpoints whose pair exists."""
        return {veth.mark for veth in endpoints if self._table.find_own(veth.identity)}


def _settings(bridge: Bridge) -> dict[str, int]:
    """Return the settings of a bridge that lets packets pass."""
    return {setting.name: setting.value for setting in settings_of(bridge)}
