"""The links of the host and of sandboxes."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from mynet.drivers.linux.values.desired import Bridge, Veth
from mynet.drivers.linux.values.endpoint_rules import Attachment, admit_nothing
from mynet.drivers.linux.values.observed import BridgeSnapshot, Link, Snapshot, Survey


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
