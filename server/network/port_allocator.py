"""Allocates the host's ports that endpoints publish, and reserves each with a socket.

Two things know whose a port is. A socket keeps it from every other program, and from other
endpoints that are being connected, for as long as the daemon runs. The table of ports in the store
keeps it for its endpoint where the daemon has no socket: between two starts, or where another
program took the port in the meantime. Sockets come first, before the endpoint is on record, as a
crash cannot leave them behind; the next start reserves the ports on record again.
"""

import errno
import threading
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from mynet.drivers.api import PortMapping
from mynet.drivers.errors import DriverError, KernelError, PortInUse
from mynet.drivers.linux.values.ports import Binding, Reservation
from mynet.server.errors import InvalidArgument, Violation, port_in_use
from mynet.server.host import Host
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network
from mynet.server.network import port_rules
from mynet.server.store import Store


@dataclass(frozen=True, slots=True)
class _Reserved:
    """The sockets of one endpoint."""

    endpoint: Endpoint
    sockets: dict[Binding, Reservation] = field(default_factory=dict)


class PortAllocator:
    """Allocates, reserves and releases the ports of endpoints.

    The caller must hold the lock of the endpoint that it calls for.
    """

    def __init__(self, store: Store, host: Host) -> None:
        self._records = store.endpoints
        self._host = host
        # Guards `_reserved`, by the ids of endpoints. It is held while a socket is bound or closed,
        # for two reasons. Where the kernel refuses a port because of another endpoint's socket,
        # `_reserved` always has that socket. And each socket has SO_REUSEADDR until it is bound, so
        # the kernel would let two that are bound at the same instant share a port.
        self._lock = threading.Lock()
        self._reserved: dict[str, _Reserved] = {}

    def allocate(
        self,
        network: Network,
        endpoint: Endpoint,
        asked: Sequence[PortMapping],
        before: Sequence[PortMapping] = (),
    ) -> Endpoint:
        """Reserve an endpoint's ports, choose those left open, and return it with them.

        ``asked`` are the ports in the order of the request, and ``before`` those on record. What is
        on record and not wanted any more stays reserved until :meth:`settle`, unless it is in the
        way. Raises PortInUse, PortsExhausted, and InvalidArgument, which names a port by its place
        in ``asked``; then the endpoint has what it had.
        """
        had = frozenset(port_rules.all_bindings(network, before))
        ports = dict(enumerate(endpoint.ports))
        new = {
            n: port
            for n, port in ports.items()
            if not had.issuperset(port_rules.bindings(network, port))
        }
        with self._lock:
            held = sum(len(reserved.sockets) for reserved in self._reserved.values())
        port_rules.require_descriptors(held, sum(port.count for port in new.values()))
        named = [port for port in new.values() if port.host_port]
        left_open = {n: port for n, port in new.items() if not port.host_port}
        spans = self._host.ports.choosable_ports() if left_open else ()
        with ExitStack() as rollback:
            blocking = port_rules.in_the_way(
                had, frozenset(port_rules.all_bindings(network, endpoint.ports))
            )
            rollback.callback(self._reserve_each, endpoint, blocking)
            self._free(endpoint.id, blocking)
            rollback.callback(self._free_all_but, endpoint.id, had)
            # The named ports come first, so that automatic choice cannot take them.
            self._reserve_named(network, endpoint, named, asked, had)
            for places in port_rules.chosen_together(left_open):
                alike = [left_open[place] for place in places]
                chosen = self._choose(network, endpoint, alike, asked, spans)
                ports |= zip(places, chosen, strict=True)
            rollback.pop_all()
        return replace(endpoint, ports=tuple(ports.values()))

    def settle(self, network: Network, endpoint: Endpoint) -> Sequence[DriverError]:
        """Release what is not on the endpoint's record, and reserve the rest as reacquire does."""
        self._free_all_but(endpoint.id, frozenset(port_rules.all_bindings(network, endpoint.ports)))
        return self.reacquire(network, endpoint)

    def reacquire(self, network: Network, endpoint: Endpoint) -> Sequence[DriverError]:
        """Reserve the ports on an endpoint's record; return an error for each that failed.

        A port that another program has stays on record for the endpoint, so no other endpoint gets
        it.
        """
        return self._reserve_each(endpoint, self._not_reserved(network, endpoint))

    def missing(self, network: Network, endpoint: Endpoint) -> Sequence[str]:
        """Return a sentence for each of an endpoint's ports that is not reserved."""
        return [
            f"{binding} is not held"
            + (f": {program} has it." if (program := self._host.ports.program_at(binding)) else ".")
            for binding in self._not_reserved(network, endpoint)
        ]

    def release(self, endpoint_id: str) -> None:
        """Release all ports of an endpoint; it may have none."""
        self._free_all_but(endpoint_id, frozenset())

    def _not_reserved(self, network: Network, endpoint: Endpoint) -> Sequence[Binding]:
        wanted = port_rules.all_bindings(network, endpoint.ports)
        with self._lock:
            reserved = self._sockets(endpoint.id)
            return [binding for binding in wanted if binding not in reserved]

    def _reserve_each(
        self, endpoint: Endpoint, recorded: Iterable[Binding]
    ) -> Sequence[DriverError]:
        failures = []
        for binding in recorded:
            try:
                self._reserve(endpoint, binding)
            except DriverError as error:
                failures.append(error)
        return failures

    def _reserve_named(
        self,
        network: Network,
        endpoint: Endpoint,
        named: Sequence[PortMapping],
        asked: Sequence[PortMapping],
        had: AbstractSet[Binding],
    ) -> None:
        for port in named:
            if clash := self._records.port_holder(port, network.versions, but_for=endpoint.id):
                binding, holder = clash
                raise port_in_use(binding, holder.display_name, holder.metadata)
            for binding in port_rules.bindings(network, port):
                if binding not in had:
                    self._reserve_asked(endpoint, binding, asked)

    def _choose(
        self,
        network: Network,
        endpoint: Endpoint,
        ports: Sequence[PortMapping],
        asked: Sequence[PortMapping],
        spans: Sequence[range],
    ) -> Sequence[PortMapping]:
        """Reserve ports that are free at all the addresses, one after the other."""
        blocked, count = 0, ports[0].count
        for first in port_rules.candidates(spans, count):
            if first <= blocked < first + count:
                continue
            chosen, reserved = [replace(port, host_port=first) for port in ports], list[Binding]()
            try:
                for binding in port_rules.all_bindings(network, chosen):
                    blocked = binding.port
                    self._reserve_asked(endpoint, binding, asked, chosen=True)
                    reserved.append(binding)
            except PortInUse:
                self._free(endpoint.id, reserved)
                continue
            # The record of an endpoint keeps a port that another program had until a moment ago.
            recorded = (self._records.port_holder(port, network.versions) for port in chosen)
            clash = next(filter(None, recorded), None)
            if clash is None:
                return chosen
            blocked = clash[0].port
            self._free(endpoint.id, reserved)
        raise port_rules.exhausted(ports[0])

    def _reserve_asked(
        self,
        endpoint: Endpoint,
        binding: Binding,
        asked: Sequence[PortMapping],
        *,
        chosen: bool = False,
    ) -> None:
        """Reserve a port. An address that this host does not have is a fault of the request."""
        try:
            self._reserve(endpoint, binding, chosen=chosen)
        except KernelError as error:
            is_elsewhere = error.metadata.get("errno") == errno.errorcode[errno.EADDRNOTAVAIL]
            if not is_elsewhere or binding.address is None:
                raise
            sentence = f"{binding.address} is not an address of this host"
            raise InvalidArgument(
                [
                    Violation(f"ports[{place}].host_ip", sentence)
                    for place, port in enumerate(asked)
                    if port.address == binding.address
                ]
            ) from error

    def _reserve(self, endpoint: Endpoint, binding: Binding, *, chosen: bool = False) -> None:
        """Reserve a port. Raises PortInUse.

        The error names what has the port, unless it is one of many that are tried (``chosen``).
        """
        with self._lock:
            socket = self._host.ports.reserve(binding)
            if socket:
                reserved = self._reserved.setdefault(endpoint.id, _Reserved(endpoint))
                reserved.sockets[binding] = socket
                return
            holder = None if chosen else self._holder(binding)
        if holder:
            raise port_in_use(binding, holder.display_name, holder.metadata)
        program = None if chosen else self._host.ports.program_at(binding)
        metadata = {"pid": str(program.pid), "program": program.name} if program else {}
        raise port_in_use(binding, str(program or ""), metadata)

    def _holder(self, binding: Binding) -> Endpoint | None:
        """Return the endpoint whose socket is in the way. The caller must hold ``_lock``."""
        for reserved in self._reserved.values():
            if any(map(binding.clashes, reserved.sockets)):
                return reserved.endpoint
        return None

    def _free_all_but(self, endpoint_id: str, kept: AbstractSet[Binding]) -> None:
        with self._lock:
            others = self._sockets(endpoint_id).keys() - kept
        self._free(endpoint_id, others)

    def _free(self, endpoint_id: str, unwanted: Collection[Binding]) -> None:
        with self._lock:
            sockets = self._sockets(endpoint_id)
            for binding in unwanted:
                if socket := sockets.pop(binding, None):
                    socket.close()
            if not sockets:
                self._reserved.pop(endpoint_id, None)

    def _sockets(self, endpoint_id: str) -> dict[Binding, Reservation]:
        """Return an endpoint's sockets. The caller must hold ``_lock``."""
        reserved = self._reserved.get(endpoint_id)
        return reserved.sockets if reserved else {}
