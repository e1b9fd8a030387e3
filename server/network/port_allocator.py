"""The host's ports that endpoints publish: chosen, and held with a socket each.

A held port is nobody else's for as long as the daemon runs: another program that wants it is told
so, and one that has it already is found. Ports are taken before the endpoint is on record, as the
one thing that a crash cannot leave behind; the next start takes them again.
"""

import errno
import resource
import secrets
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain

from mynet.drivers.api import PortMapping
from mynet.drivers.errors import (
    DriverError,
    KernelError,
    PortInUse,
    PortsExhausted,
)
from mynet.drivers.linux.values.ports import Binding, Hold
from mynet.server.errors import InvalidArgument, Violation
from mynet.server.host import Host
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network
from mynet.server.network.port_rules import all_bindings, bindings, chosen_together, in_the_way
from mynet.server.store.ports import endpoint_has, taken_by

_SPARE = 256  # file descriptors that are left for everything else


class Ports:
    """Takes, holds and gives back the ports of endpoints.

    ``_lock`` guards ``_claims``, who has or wants which port by its number, and ``_holds``, what is
    held by endpoint and port: ``_count`` of them, and None for what is on record and is not to be
    had. It is never held while the kernel is asked.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._claims: dict[int, dict[Binding, Endpoint]] = {}
        self._holds: dict[str, dict[Binding, Hold | None]] = {}
        self._count = 0

    def take(self, network: Network, endpoint: Endpoint, asked: Sequence[PortMapping]) -> Endpoint:
        """Take what an endpoint is to have and has not; return it with those that were chosen.

        What it has and is not to have is kept until :meth:`settle`, unless it is in the way.
        Raises PortInUse, PortsExhausted, and InvalidArgument, which names a port by its place among
        those that were ``asked`` for; then the endpoint has what it had.
        """
        had = self._has(endpoint.id)
        taken = dict(enumerate(endpoint.ports))
        fresh = {
            n: port for n, port in taken.items() if not had.issuperset(bindings(network, port))
        }
        self._require_descriptors(fresh.values())
        named = {n: port for n, port in fresh.items() if port.host_port}
        left_open = {n: port for n, port in fresh.items() if not port.host_port}
        spans = self._host.choosable_ports() if left_open else ()
        with ExitStack() as undo:
            blocking = in_the_way(had, frozenset(all_bindings(network, endpoint)))
            undo.callback(self._hold_again, endpoint, blocking)
            self._let_go(endpoint.id, blocking)
            undo.callback(self._let_go_of_others, endpoint.id, had)
            # Those that are named come first: a choice takes nothing that is asked for.
            for binding in chain.from_iterable(bindings(network, port) for port in named.values()):
                if binding not in had:
                    self._hold_asked(endpoint, binding, asked)
            for places in chosen_together(left_open):
                alike = [left_open[place] for place in places]
                chosen = self._choose(network, endpoint, alike, asked, spans)
                taken |= zip(places, chosen, strict=True)
            undo.pop_all()
        return replace(endpoint, ports=tuple(taken.values()))

    def settle(self, network: Network, endpoint: Endpoint) -> Sequence[DriverError]:
        """Let go of what an endpoint has and is not to have, and hold the rest as retake does."""
        self._let_go_of_others(endpoint.id, frozenset(all_bindings(network, endpoint)))
        return self.retake(network, endpoint)

    def retake(self, network: Network, endpoint: Endpoint) -> Sequence[DriverError]:
        """Hold what an endpoint has on record; return why, for each port that is not to be had.

        That one stays the endpoint's: no other is given it.
        """
        return self._hold_again(endpoint, self._not_held(network, endpoint))

    def missing(self, network: Network, endpoint: Endpoint) -> Sequence[str]:
        """Say which of an endpoint's ports are not held, a sentence each. Takes none."""
        return [
            f"{binding} is not held"
            + (f": {program} has it." if (program := self._host.program_at(binding)) else ".")
            for binding in self._not_held(network, endpoint)
        ]

    def release(self, endpoint_id: str) -> None:
        """Let go of all that an endpoint holds; none is fine."""
        with self._lock:
            holds = self._holds.pop(endpoint_id, {})
        self._close(holds)

    def _has(self, endpoint_id: str) -> frozenset[Binding]:
        """Tell what an endpoint has, be it to be had or not."""
        with self._lock:
            return frozenset(self._holds.get(endpoint_id, ()))

    def _not_held(self, network: Network, endpoint: Endpoint) -> Sequence[Binding]:
        with self._lock:
            held = self._holds.get(endpoint.id, {})
            wanted = all_bindings(network, endpoint)
            return [binding for binding in wanted if held.get(binding) is None]

    def _hold_again(self, endpoint: Endpoint, lost: Iterable[Binding]) -> Sequence[DriverError]:
        failures = []
        for binding in lost:
            try:
                self._hold(endpoint, binding, on_record=True)
            except DriverError as error:
                failures.append(error)
        return failures

    def _choose(
        self,
        network: Network,
        endpoint: Endpoint,
        ports: Sequence[PortMapping],
        asked: Sequence[PortMapping],
        spans: Sequence[range],
    ) -> Sequence[PortMapping]:
        """Take ports that are free at all the addresses, one after the other."""
        blocked, count = 0, ports[0].count
        for first in candidates(spans, count):
            if first <= blocked < first + count:
                continue
            chosen, held = [replace(port, host_port=first) for port in ports], list[Binding]()
            try:
                for binding in chain.from_iterable(bindings(network, each) for each in chosen):
                    blocked = binding.port
                    self._hold_asked(endpoint, binding, asked, chosen=True)
                    held.append(binding)
            except PortInUse:
                self._let_go(endpoint.id, held)
            else:
                return chosen
        raise _exhausted(ports[0])

    def _hold_asked(
        self,
        endpoint: Endpoint,
        binding: Binding,
        asked: Sequence[PortMapping],
        *,
        chosen: bool = False,
    ) -> None:
        """Hold a port; an address that this host does not have is a fault of those who ask."""
        try:
            self._hold(endpoint, binding, chosen=chosen)
        except KernelError as error:
            is_elsewhere = error.metadata.get("errno") == errno.errorcode[errno.EADDRNOTAVAIL]
            if not is_elsewhere or binding.address is None:
                raise
            fault = f"{binding.address} is no address of this host"
            raise InvalidArgument(
                [
                    Violation(f"ports[{place}].host_ip", fault)
                    for place, port in enumerate(asked)
                    if port.address == binding.address
                ]
            ) from error

    def _hold(
        self,
        endpoint: Endpoint,
        binding: Binding,
        *,
        chosen: bool = False,
        on_record: bool = False,
    ) -> None:
        """Hold a port for an endpoint; who else has it is looked up unless it is ``chosen``."""
        self._claim(endpoint, binding, on_record=on_record)
        hold = None
        try:
            hold = self._host.hold(binding)
        finally:
            with self._lock:
                if hold or on_record:
                    self._holds.setdefault(endpoint.id, {})[binding] = hold
                    self._count += hold is not None
                else:
                    self._unclaim(binding)
        if hold is None:
            program = None if chosen else self._host.program_at(binding)
            known = {"pid": str(program.pid), "program": program.name} if program else {}
            raise taken_by(binding, str(program or ""), known)

    def _let_go_of_others(self, endpoint_id: str, kept: AbstractSet[Binding]) -> None:
        self._let_go(endpoint_id, self._has(endpoint_id) - kept)

    def _let_go(self, endpoint_id: str, held: Collection[Binding]) -> None:
        with self._lock:
            of_endpoint = self._holds.get(endpoint_id, {})
            holds = {binding: of_endpoint.pop(binding) for binding in held}
        self._close(holds)

    def _close(self, holds: Mapping[Binding, Hold | None]) -> None:
        """Let go of ports. The socket goes first: who can claim a port finds it free."""
        held = [hold for hold in holds.values() if hold]
        for hold in held:
            hold.close()
        with self._lock:
            self._count -= len(held)
            for binding in holds:
                self._unclaim(binding)

    def _claim(self, endpoint: Endpoint, binding: Binding, *, on_record: bool) -> None:
        """Keep other endpoints from a port. Of those that want one at once, one is first here."""
        with self._lock:
            claims = self._claims.setdefault(binding.port, {})
            for other, holder in claims.items():
                is_own = on_record and holder.id == endpoint.id
                if other.clashes(binding) and not is_own:
                    raise endpoint_has(binding, holder)
            claims[binding] = endpoint

    def _unclaim(self, binding: Binding) -> None:
        """Let others have a port. Holds ``_lock``."""
        claims = self._claims[binding.port]
        del claims[binding]
        if not claims:
            del self._claims[binding.port]

    def _require_descriptors(self, ports: Iterable[PortMapping]) -> None:
        """Refuse what there are no file descriptors for, before any is taken."""
        wanted = sum(port.count for port in ports)
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        with self._lock:
            held = self._count
        if wanted and held + wanted + _SPARE > limit:
            raise PortsExhausted(
                f"{wanted} more ports cannot be held: that takes a file descriptor each, mynetd may"
                f" have {limit} and holds {held} ports already; disconnect endpoints, or start"
                " mynetd with a higher limit (LimitNOFILE=, ulimit -n)",
                resource="file descriptors",
                metadata={"limit": str(limit), "held": str(held)},
            )


def candidates(spans: Sequence[range], count: int) -> Iterator[int]:
    """Yield where ``count`` ports could begin, each place once, from any one of them on."""
    begins = [range(span.start, span.stop - count + 1) for span in spans if len(span) >= count]
    if not begins:
        return
    ahead = secrets.randbelow(sum(map(len, begins)))
    for place, span in enumerate(begins):
        if ahead < len(span):
            yield from chain(span[ahead:], *begins[place + 1 :], *begins[:place], span[:ahead])
            return
        ahead -= len(span)


def _exhausted(port: PortMapping) -> PortsExhausted:
    many = "no port" if port.count == 1 else f"no {port.count} ports in a row"
    return PortsExhausted(
        f"{many} of {port.protocol.name} could be chosen: all that the kernel chooses from"
        " (net.ipv4.ip_local_port_range, less ip_local_reserved_ports) are taken; name a port"
        " outside of these, or disconnect endpoints",
        resource=f"port 0/{port.protocol.value}",
    )
