"""Which endpoint has which ports of the host: no two have the same one at the same address."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from mynet.drivers.api import PortProtocol
from mynet.drivers.errors import PortInUse
from mynet.drivers.linux.values.ports import Binding
from mynet.server.model.endpoints import Endpoint
from mynet.server.store import codec

_EVERYWHERE = ""  # the address of ports that are open at all of a family


@dataclass(frozen=True, slots=True)
class _Span:
    """Ports one after the other, at one address or everywhere, of one family."""

    protocol: PortProtocol
    version: int
    address: str
    first: int
    last: int


def claim(connection: sqlite3.Connection, endpoint: Endpoint, versions: frozenset[int]) -> None:
    """Book the endpoint's ports in these families, in place of what it had. Raises PortInUse."""
    connection.execute("DELETE FROM ports WHERE endpoint_id = ?", (endpoint.id,))
    for span in _spans(endpoint, versions):
        _require_free(connection, span)
        connection.execute(
            "INSERT INTO ports (protocol, version, address, first, last, endpoint_id)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*_place(span), span.address, span.first, span.last, endpoint.id),
        )


def _spans(endpoint: Endpoint, versions: frozenset[int]) -> Iterator[_Span]:
    for port in endpoint.ports:
        address = str(port.address) if port.address else _EVERYWHERE
        last = port.host_port + port.count - 1
        for version in sorted(versions):
            if port.is_of(version):
                yield _Span(port.protocol, version, address, port.host_port, last)


def _place(span: _Span) -> tuple[str, int]:
    return span.protocol.value, span.version


def _require_free(connection: sqlite3.Connection, span: _Span) -> None:
    """Refuse ports of which another endpoint has one.

    At one address no two spans share a port, so the last one that begins before this one's end is
    the only one to look at, however many there are.
    """
    for address in _addresses(connection, span):
        found = connection.execute(
            "SELECT first, last, endpoint_id FROM ports"
            " WHERE protocol = ? AND version = ? AND address = ? AND first <= ?"
            " ORDER BY first DESC LIMIT 1",
            (*_place(span), address, span.last),
        ).fetchone()
        if found and found[1] >= span.first:
            named = address or span.address
            binding = Binding(
                span.protocol,
                max(span.first, found[0]),
                frozenset({span.version}),
                ip_address(named) if named else None,
            )
            raise endpoint_has(binding, _holder(connection, found[2]))


def _holder(connection: sqlite3.Connection, endpoint_id: str) -> Endpoint:
    (document,) = connection.execute(
        "SELECT document FROM endpoints WHERE id = ?", (endpoint_id,)
    ).fetchone()
    return codec.decode(document, Endpoint)


def _addresses(connection: sqlite3.Connection, span: _Span) -> Iterator[str]:
    """Return the addresses at which ports may be in the way: its own and everywhere, or all.

    All are found by going from one to the next in the index: a host has few.
    """
    if span.address != _EVERYWHERE:
        yield from (_EVERYWHERE, span.address)
        return
    address: str | None = _EVERYWHERE
    while address is not None:
        yield address
        (address,) = connection.execute(
            "SELECT min(address) FROM ports WHERE protocol = ? AND version = ? AND address > ?",
            (*_place(span), address),
        ).fetchone()


def endpoint_has(binding: Binding, holder: Endpoint) -> PortInUse:
    """Say that another endpoint has a port."""
    container = holder.spec.container_id
    return taken_by(
        binding,
        f"endpoint {holder.id[:12]} of container {container}",
        {"endpoint": holder.id, "container_id": container},
    )


def taken_by(binding: Binding, who: str, metadata: Mapping[str, str]) -> PortInUse:
    """Say that a port is taken, and by whom where that is known."""
    return PortInUse(
        f"{binding} of this host is taken by {who or 'another program'}; publish another port,"
        " leave the choice to mynetd (host port 0), or end what has it",
        resource=f"port {binding.port}/{binding.protocol.value}",
        holder=who,
        metadata=metadata,
    )
