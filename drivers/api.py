"""The driver contract: everything that mynet asks of a network driver.

A driver makes networks and endpoints real on this host. It stores no records: the daemon remembers
what exists and gives every verb all that it needs.

- **Verbs are declarative and idempotent.** Creating twice is creating once, and deleting what does
  not exist is success. If a verb fails, the daemon calls the opposite verb, which must cope with
  any half-made state.
- **Verbs run concurrently**, in a bounded pool of threads of their driver, but never two at a time
  for one network or one endpoint.
- **Verbs may block until** ``call.deadline``. At the deadline the daemon answers the caller with
  PLUGIN_TIMEOUT, and undoes what the verb has made when it returns.
- **Verbs raise** :exc:`~mynet.drivers.errors.DriverError` or one of its subclasses. The daemon
  reports any other exception as a fault of the driver.

New versions of the contract add fields with defaults and capabilities, and never a method that a
driver must have. :func:`mynet.drivers.testing.check_driver` tests all of this.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence

from mynet.drivers.context import Call, DriverContext
from mynet.drivers.description import (
    API_VERSION,
    PORTS,
    WATCH,
    DriverInfo,
    NetworkRequest,
    Option,
    changeable,
)
from mynet.drivers.objects import (
    IPV4,
    IPV6,
    Condition,
    Endpoint,
    ExpectedState,
    IPAddress,
    IPInterface,
    IPNetwork,
    Network,
    NetworkUpdate,
    Orphan,
    PortMapping,
    PortProtocol,
    Probe,
    ProbeState,
    Sandbox,
    Subnet,
)

__all__ = [
    "API_VERSION",
    "IPV4",
    "IPV6",
    "PORTS",
    "WATCH",
    "Call",
    "Condition",
    "Driver",
    "DriverContext",
    "DriverInfo",
    "Endpoint",
    "ExpectedState",
    "IPAddress",
    "IPInterface",
    "IPNetwork",
    "Network",
    "NetworkRequest",
    "NetworkUpdate",
    "Option",
    "Orphan",
    "PortMapping",
    "PortProtocol",
    "Probe",
    "ProbeState",
    "Sandbox",
    "Subnet",
    "changeable",
]


class Driver(ABC):
    """A network driver. Six members are abstract; all others have a default."""

    @property
    @abstractmethod
    def info(self) -> DriverInfo:
        """What this driver is and can do. The value never changes."""

    @abstractmethod
    def create(self, call: Call, network: Network) -> None:
        """Make the network on this host.

        Raises InterfaceExists if a device that is not ours has the network's ``interface``.
        """

    @abstractmethod
    def delete(self, call: Call, network: Network) -> None:
        """Delete everything that :meth:`create` makes, even if only parts of it exist."""

    @abstractmethod
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        """Make the endpoint. Packets flow when this returns.

        Raises SandboxNotFound if the sandbox's path does not lead to its cookie, InterfaceExists if
        another device has one of the names, and BridgeFull if the network takes no more endpoints.
        """

    @abstractmethod
    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        """Delete the endpoint. Both its names are free when this returns.

        It works from the endpoint alone: the sandbox, the network's device and the firewall may
        have been deleted before.
        """

    @abstractmethod
    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        """Return a sentence for each difference between the kernel and the endpoint.

        It changes nothing. :meth:`connect` must repair every difference that is reported.
        """

    def endpoint_notes(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        """Return a sentence for each part of the endpoint that :meth:`check` does not compare.

        It changes nothing.
        """
        return ()

    def living(self, call: Call, endpoints: Sequence[Endpoint]) -> Collection[str]:
        """Return the ids of those endpoints whose sandboxes still exist, as their links show.

        The daemon calls it for endpoints to whose sandboxes no path leads: a descriptor, a socket
        or a mount in another mount namespace may keep them. The daemon removes the others.
        """
        return ()

    def update(self, call: Call, update: NetworkUpdate) -> None:
        """Bring an existing network and its endpoints to new options.

        Only options whose :attr:`Option.change` accepted it differ. Connections that the new
        options allow are not disturbed. An endpoint that is missing in the kernel is not made. If
        this fails, the daemon calls it again with the network as it was.
        """
        self.create(call, update.network)

    def update_endpoint(self, call: Call, endpoint: Endpoint) -> None:
        """Bring an existing endpoint to new published ports and new options.

        The ports differ only for a driver with the capability :data:`PORTS`, and of the options
        only those whose :attr:`Option.change` accepted it. Ports that the endpoint no longer has
        lead nowhere when this returns. Connections through ports that stay are not disturbed. If
        this fails, the daemon calls it again with the endpoint as it was.
        """
        self.connect(call, endpoint)

    def check_network(self, call: Call, network: Network) -> Sequence[str]:
        """Return a sentence for each difference between the kernel and the network.

        It changes nothing. :meth:`create` must repair every difference that is reported.
        """
        return ()

    def conditions(
        self, call: Call, networks: Sequence[Network]
    ) -> Mapping[str, Sequence[Condition]]:
        """Return what other programs of this host do to these networks, by the networks' ids.

        It changes nothing. The daemon calls it for every request that shows networks, with many of
        them at once, so the host should be inspected once for all. A network without conditions
        may be left out. The doctor passes the networks with their endpoints.
        """
        return {}

    def probe(self, call: Call, networks: Sequence[Network]) -> Sequence[Probe]:
        """Send real packets between the endpoints of networks, their gateways and the next hop.

        It changes nothing, sends few packets, and none beyond the next hop of this host. Packets
        that ``call.deadline`` leaves no time for are NOT_SENT.
        """
        return ()

    def notes(self, call: Call, networks: Sequence[Network]) -> Sequence[str]:
        """Return what a person should know of these networks, a sentence each: no problems."""
        return ()

    def watch(self, call: Call, alarm: Callable[[Collection[str]], None]) -> None:
        """Start to report damage, until :meth:`close`.

        The daemon calls it once, on a driver with the capability :data:`WATCH`. The driver passes
        ``alarm`` the ids of networks and endpoints that may be damaged. An empty collection means
        that anything may be, for example after the kernel has lost notifications. ``alarm`` returns
        at once and may be called from any thread.

        The daemon verifies an alarm with :meth:`survey`, :meth:`check_network` and :meth:`check`
        before it repairs anything, so a false alarm costs no more than these. A driver should not
        report its own changes.
        """

    def survey(self, call: Call, networks: Sequence[Network]) -> Collection[str]:
        """Return the ids of those networks and of those of their endpoints that seem damaged.

        It changes nothing. The daemon calls it every few seconds on a driver with the capability
        :data:`WATCH`, with all its networks, so it should inspect the host once for all. It may
        miss damage that only :meth:`check_network` and :meth:`check` find.
        """
        return ()

    def orphans(self, call: Call, known: Collection[str]) -> Sequence[Orphan]:
        """Return the objects in the kernel with this instance's mark and an id not in ``known``.

        ``known`` has the ids of all records. A state directory that was restored from a backup may
        know fewer objects than the kernel has.
        """
        return ()

    def discard(self, call: Call, orphan: Orphan) -> None:
        """Delete an orphan. An orphan that does not exist is success."""

    def audit(self, call: Call, expected: ExpectedState) -> Sequence[str]:
        """Return a sentence for each difference in what networks share, such as a firewall.

        It changes nothing. ``mynetd fsck`` calls it while no daemon runs, on a driver that has made
        nothing itself. It reports what should be there and is missing, and what is there for this
        instance without a record. It need not repeat what :meth:`check_network`, :meth:`check` and
        :meth:`orphans` report. :meth:`restore` must repair every difference that is reported.
        """
        return ()

    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        """Bring the kernel to exactly these networks.

        The daemon calls it once, before it serves. After a reboot none of the networks exist, after
        a restart of the daemon all of them do. The ports of the networks' ``endpoints`` are
        published when this returns, and packets flow for those that exist. Ports that were
        published before stay so at every moment. :meth:`connect` makes whatever else of an endpoint
        is missing.
        """
        for network in networks:
            self.create(call, network)

    def close(self) -> None:
        """Release sockets and threads. Networks and endpoints stay in the kernel.

        When the daemon stops, it waits at most one second for this.
        """
