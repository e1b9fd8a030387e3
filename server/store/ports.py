"""Which endpoint has which ports of the host: no two have the same one at the same address."""

import sqlite3
from collections.abc import Iterator
from ipaddress import ip_address

from mynet.drivers.api import PortMapping
from mynet.drivers.linux.values.ports import Binding
from mynet.server.errors import port_in_use
from mynet.server.model.endpoints import Endpoint
from mynet.server.store import codec

_EVERYWHERE = ""  # the address of ports that are published at all addresses of a family


def claim(connection: sqlite3.Connection, endpoint: Endpoint, versions: frozenset[int]) -> None:
    """Record the endpoint's ports in these families, in place of those it had.

    Raises PortInUse where another endpoint has one of them.
    """
    connection.execute("DELETE FROM ports WHERE endpoint_id = ?", (endpoint.id,))
    for port in endpoint.ports:
        if clash := holder_of(connection, port, versions):
            binding, holder = clash
            raise port_in_use(binding, holder.display_name, holder.metadata)
        connection.executemany(
            "INSERT INTO ports (protocol, version, address, first, last, endpoint_id)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    *(port.protocol.value, version, _address(port)),
                    *(port.host_port, _last(port), endpoint.id),
                )
                for version in _versions(port, versions)
            ],
        )


def holder_of(
    connection: sqlite3.Connection,
    port: PortMapping,
    versions: frozenset[int],
    *,
    but_for: str = "",
) -> tuple[Binding, Endpoint] | None:
    """Return the first recorded port in the way of a mapping, and its endpoint; or None.

    Ports of the endpoint with the id ``but_for`` are not in the way.
    """
    for version in _versions(port, versions):
        for address in _addresses(connection, port, version):
            # At one address no two rows share a port. So of those that other endpoints have, the
            # last one that begins before the mapping's end is the only one that can be in the way.
            row = connection.execute(
                "SELECT first, last, endpoint_id FROM ports"
                " WHERE protocol = ? AND version = ? AND address = ? AND first <= ?"
                " AND endpoint_id <> ? ORDER BY first DESC LIMIT 1",
                (port.protocol.value, version, address, _last(port), but_for),
            ).fetchone()
            if row and row[1] >= port.host_port:
                named = address or _address(port)
                binding = Binding(
                    port.protocol,
                    max(port.host_port, row[0]),
                    frozenset({version}),
                    ip_address(named) if named else None,
                )
                return binding, _endpoint(connection, row[2])
    return None


def _versions(port: PortMapping, versions: frozenset[int]) -> list[int]:
    return [version for version in sorted(versions) if port.is_of(version)]


def _address(port: PortMapping) -> str:
    return str(port.address) if port.address else _EVERYWHERE


def _last(port: PortMapping) -> int:
    return port.host_port + port.count - 1


def _endpoint(connection: sqlite3.Connection, endpoint_id: str) -> Endpoint:
    (document,) = connection.execute(
        "SELECT document FROM endpoints WHERE id = ?", (endpoint_id,)
    ).fetchone()
    return codec.decode(document, Endpoint)


def _addresses(connection: sqlite3.Connection, port: PortMapping, version: int) -> Iterator[str]:
    """Yield the addresses at which other ports may be in the way of a mapping.

    For a mapping at one address these are that address and everywhere; for one that is published
    everywhere, all addresses on record. Those are found by going from one to the next in the index,
    as a host has few addresses.
    """
    if port.address:
        yield from (_EVERYWHERE, str(port.address))
        return
    address: str | None = _EVERYWHERE
    while address is not None:
        yield address
        (address,) = connection.execute(
            "SELECT min(address) FROM ports WHERE protocol = ? AND version = ? AND address > ?",
            (port.protocol.value, version, address),
        ).fetchone()
