"""The driver contract: what mynet asks of a network driver, and nothing else.

A driver makes networks and endpoints real on this host. It keeps no books: every verb is given all
it needs, the daemon remembers. Every verb is *declarative and idempotent*: creating twice is
creating once, and deleting what is gone is success. When a verb fails, the daemon calls the
opposite verb, which has to cope with any half-made state.

Verbs run on a bounded pool of threads of their driver, many at once, never two at a time for one
endpoint. They may block, but no longer than ``call.deadline``: past that the caller has been told
PLUGIN_TIMEOUT, and whatever the verb still makes is undone when it returns.

The contract grows by fields with defaults and by declared capabilities, never by a new method that
a driver must have. :func:`mynet.drivers.testing.check_driver` is this page as a test.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path
from typing import Final, Protocol

API_VERSION = 1
PORTS: Final = "ports"  # the capability of a driver that publishes ports
WATCH: Final = "watch"  # that of one that notices what others do to what it made

IPAddress = IPv4Address | IPv6Address
IPInterface = IPv4Interface | IPv6Interface
IPNetwork = IPv4Network | IPv6Network


class Call(Protocol):
    """Who asks, until when, and whether anybody still waits for the answer."""

    @property
    def request_id(self) -> str:
        """Ties together everything that is logged for one request."""

    @property
    def deadline(self) -> float:
        """When the caller stops waiting, in seconds of :func:`time.monotonic`."""

    @property
    def principal(self) -> str:
        """The peer that made the request."""

    def alive(self) -> bool:
        """Say whether the caller still waits; what is made for one who left is undone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a network, before anything of it is decided.

    ``options`` are those that have passed their own check. ``versions`` are the IP versions of its
    subnets, and empty where the daemon is to choose these. ``masquerade`` is None where the caller
    does not say.
    """

    options: Mapping[str, str]
    versions: frozenset[int] = frozenset()
    internal: bool = False
    masquerade: bool | None = None


def anything(_value: str) -> str | None:
    """Accept every value of an option."""
    return None


def fixed(_before: str | None, _after: str | None) -> str | None:
    """Refuse every change of an option."""
    return "it cannot change"


def changeable(_before: str | None, _after: str | None) -> str | None:
    """Accept every change of an option."""
    return None


def no_contradictions(_asked: object) -> Mapping[str, str]:
    """Find nothing that contradicts anything else."""
    return {}


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a network's or an endpoint's ``options`` that the driver understands.

    ``check`` is given the value before anything is made, and returns what is wrong with it as a
    sentence, or None.

    ``change`` is asked before the option of a network that is there gets another value: it is given
    both, None where the option is not set, and returns what stands in the way, or None. Unless told
    otherwise, nothing of a network changes. It is not asked of an endpoint's options.
    """

    name: str
    description: str
    check: Callable[[str], str | None] = anything
    change: Callable[[str | None, str | None], str | None] = fixed


@dataclass(frozen=True, slots=True)
class DriverInfo:
    """What a driver says of itself; ListDrivers shows it.

    ``name`` is the name of its entry point too. ``options`` are the keys it understands in a
    network's options, ``endpoint_options`` those in an endpoint's. ``device_prefix`` begins the
    name of the host's device of a network (``br-``), ``port_prefix`` that of the host's end of an
    endpoint (``veth``); a driver that makes no such device leaves them empty. ``contradictions``
    tells which options cannot be together with what else is asked for: it maps the field, such as
    ``options[icc]`` or ``masquerade``, to what is wrong, a sentence each. Likewise
    ``endpoint_contradictions``, of an endpoint's options that have passed their own check.
    ``most_endpoints`` is how many one network takes, and 0 where there is no such number: one more
    is ``BridgeFull`` before anything is made of it.
    """

    name: str
    api_version: int = API_VERSION
    capabilities: frozenset[str] = frozenset()
    options: Sequence[Option] = ()
    endpoint_options: Sequence[Option] = ()
    device_prefix: str = ""
    port_prefix: str = ""
    contradictions: Callable[[Asked], Mapping[str, str]] = no_contradictions
    endpoint_contradictions: Callable[[Mapping[str, str]], Mapping[str, str]] = no_contradictions
    most_endpoints: int = 0


@dataclass(frozen=True, slots=True)
class DriverContext:
    """What a driver is given when the daemon makes it.

    ``instance`` identifies the daemon's state: put it into the mark of everything you make in the
    kernel (the bridge driver's links carry the alias ``mynet:<instance>:<id>``), so that nobody
    else's is ever taken for yours. ``state_dir`` is a folder of the driver's own, already there.
    """

    instance: str
    state_dir: Path


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A network namespace that an endpoint's inner end lives in.

    ``path`` leads to it (``/run/netns/web``, ``/proc/4711/ns/net``); ``cookie`` says which one it
    is (SO_NETNS_COOKIE, socket(7)): paths move and pids are used again, a cookie is not, until the
    next boot. Where the path leads to another cookie, the sandbox is gone.
    """

    path: str
    cookie: int


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet of a network, and the address that the host has in it."""

    cidr: IPNetwork
    gateway: IPAddress


@dataclass(frozen=True, slots=True)
class Network:
    """A network as it should be. ``interface`` is the host's device, ``mtu`` in bytes.

    ``endpoints`` are those that stand on it; only :meth:`Driver.restore`, :meth:`Driver.survey` and
    :meth:`Driver.audit` are told of them.
    """

    id: str
    name: str
    interface: str
    subnets: Sequence[Subnet]
    mtu: int
    internal: bool = False
    masquerade: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    endpoints: "Sequence[Endpoint]" = ()


class PortProtocol(Enum):
    """What a port is of."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


@dataclass(frozen=True, slots=True)
class PortMapping:
    """Ports of the host that lead to ports of an endpoint: ``count`` of them, one after the other.

    ``host_ip`` is the address of the host that they are open at. An unspecified one stands for all
    of its family, and None for all of both. Port ``host_port + n`` leads to ``container_port + n``
    at the endpoint's first address of the family. A driver is told no ``host_port`` of 0: that is
    how a caller leaves the choice to the daemon.
    """

    container_port: int
    protocol: PortProtocol = PortProtocol.TCP
    host_port: int = 0
    count: int = 1
    host_ip: IPAddress | None = None

    @property
    def address(self) -> IPAddress | None:
        """The one address of the host that is meant, or None where that is any."""
        return None if self.host_ip is None or self.host_ip.is_unspecified else self.host_ip

    def is_of(self, version: int) -> bool:
        """Say whether it is open at addresses of an IP version."""
        return self.host_ip is None or self.host_ip.version == version


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it should be.

    ``interface`` is the name inside the sandbox, ``host_interface`` that of the host's end.
    Without a ``sandbox`` the inner end stays in the daemon's namespace, down and without addresses,
    for the caller to move. ``gateways`` are the next hops of the default routes, at most one a
    family, and ``route_metric`` is theirs: the lowest wins in a sandbox with several networks.
    ``ports`` are published: whoever reaches the host there reaches the endpoint. Only a driver with
    the capability :data:`PORTS` is given any. That no other program of the host has them is the
    daemon's care.
    """

    id: str
    network: Network
    interface: str
    host_interface: str
    mac_address: str
    addresses: Sequence[IPInterface]
    gateways: Sequence[IPAddress] = ()
    route_metric: int = 0
    sandbox: Sandbox | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    ports: Sequence[PortMapping] = ()


@dataclass(frozen=True, slots=True)
class NetworkUpdate:
    """A network as it should be from now on, and what is on it, each with this network."""

    network: Network
    endpoints: Sequence[Endpoint] = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that is on record of a driver's, of which the kernel may have nothing else.

    ``networks`` are as they should be, with their ``endpoints``. ``unfinished`` has what a call had
    begun to make or to take away when the daemon died: any part of that may be there. It may have
    no addresses yet; and a network that is in both has endpoints of that kind.
    """

    networks: Sequence[Network]
    unfinished: Sequence[Network] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that others on this host do to a network, and that is not ours to change.

    ``problem`` says who it is and what does not work for it, ``remedy`` what to do, a sentence or
    two each. ``commands`` are the remedy as lines for root's shell on this host: once they have
    run, the condition is no longer found.
    """

    problem: str
    remedy: str
    commands: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Stray:
    """Something in the kernel that carries our mark, and the id of a record that is not there.

    ``name`` says what it is, for people: "interface veth3f2a".
    """

    id: str
    name: str


class Driver(ABC):
    """A network driver. Raises only what ``mynet.drivers.errors`` has."""

    @property
    @abstractmethod
    def info(self) -> DriverInfo:
        """What this driver is and can do; the same answer every time."""

    @abstractmethod
    def create(self, call: Call, network: Network) -> None:
        """Make the network on this host. A device that is not ours is INTERFACE_EXISTS."""

    @abstractmethod
    def delete(self, call: Call, network: Network) -> None:
        """Take away everything :meth:`create` makes, whatever is left of it."""

    @abstractmethod
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        """Make the endpoint: when this returns, packets flow.

        Raises :exc:`~mynet.drivers.errors.SandboxNotFound` where the sandbox's path does not lead
        to its cookie, and :exc:`~mynet.drivers.errors.InterfaceExists` where a name is taken.
        """

    @abstractmethod
    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        """Take the endpoint away: when this returns, both its names are free.

        Works from the endpoint alone: its sandbox, the network's device and the firewall may be
        gone already.
        """

    @abstractmethod
    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        """Compare the kernel with the endpoint: a sentence for each difference. Changes nothing."""

    def update(self, call: Call, update: NetworkUpdate) -> None:
        """Bring a network that is there, with its endpoints, to what it should be from now on.

        Nothing differs but options whose :attr:`Option.change` accepted it. Connections that the
        new options allow are not disturbed, and an endpoint that is not there is not made. When it
        fails, it is called again with the network as it was.
        """
        self.create(call, update.network)

    def update_endpoint(self, call: Call, endpoint: Endpoint) -> None:
        """Bring an endpoint that is there to what it should be from now on: its ports, no more.

        Only a driver with the capability :data:`PORTS` is asked. Ports that it had and has no more
        lead nowhere when this returns. Connections through ports that stay are not disturbed. When
        it fails, it is called again with the endpoint as it was.
        """
        self.connect(call, endpoint)

    def check_network(self, call: Call, network: Network) -> Sequence[str]:
        """Compare the kernel with the network: a sentence for each difference. Changes nothing.

        What differs is mended by :meth:`create`.
        """
        return ()

    def conditions(
        self, call: Call, networks: Sequence[Network]
    ) -> Mapping[str, Sequence[Condition]]:
        """Tell what others on this host do to these networks, by their ids. Changes nothing.

        Asked whenever somebody looks at networks, of many at once: look at the host once for all.
        A network that nobody stands in the way of may be left out.
        """
        return {}

    def watch(self, call: Call, alarm: Callable[[Collection[str]], None]) -> None:
        """Tell of damage from now on, until :meth:`close`. Only with the capability :data:`WATCH`.

        ``alarm`` takes the ids of networks and endpoints that may not be as they should be; none
        means that anything may be, as when the kernel's notifications were lost. It returns at once
        and may be called from any thread. What is told is looked at with :meth:`survey`,
        :meth:`check_network` and :meth:`check` before anything is done, so a false alarm costs no
        more than that; what the driver does itself is better not told.
        """

    def survey(self, call: Call, networks: Sequence[Network]) -> Collection[str]:
        """Return the ids of those networks, and of their ``endpoints``, that seem damaged.

        Asked every few seconds of a driver with the capability :data:`WATCH`, for all that it has:
        one look at everything, which may miss what only a look at each would find. Changes nothing.
        """
        return ()

    def strays(self, call: Call, known: Collection[str]) -> Sequence[Stray]:
        """List what carries this instance's mark and is of no network or endpoint in ``known``.

        ``known`` are the ids of all records. Books that were restored from a backup may know less
        than the kernel has.
        """
        return ()

    def discard(self, call: Call, stray: Stray) -> None:
        """Take a stray away; one that is gone is success."""

    def audit(self, call: Call, ledger: Ledger) -> Sequence[str]:
        """Compare what networks share in the kernel with all that is on record. Changes nothing.

        Asked by ``mynetd fsck`` while no daemon runs, of a driver that has made nothing itself: a
        sentence for what is there of this instance and of nothing on record, and for what is
        missing, unless :meth:`check_network`, :meth:`check` or :meth:`strays` tells of it even so.
        What is told is mended by :meth:`restore`.
        """
        return ()

    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        """Bring the kernel to exactly these networks; called once, before the daemon serves.

        After a reboot none of them is there, after a restart all of them are. The ports of the
        networks' ``endpoints`` are published when this returns, and were at every moment if they
        were before; all else of an endpoint that is missing comes with :meth:`connect`.
        """
        for network in networks:
            self.create(call, network)

    def close(self) -> None:
        """Let go of sockets and threads. What is in the kernel stays: networks outlive mynetd."""
