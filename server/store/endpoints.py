"""The records of endpoints."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from mynet.drivers.api import PortMapping
from mynet.drivers.errors import BridgeFull
from mynet.drivers.linux.values.ports import Binding
from mynet.ipam.errors import AddressInUse
from mynet.ipam.sqlite.database import Database
from mynet.server.errors import EndpointNotFound, NetworkNotFound
from mynet.server.model.endpoints import Endpoint, EndpointState
from mynet.server.store import codec, ports
from mynet.server.store.records import Documents

_BOTH = frozenset({4, 6})
_ASKED_MAC = "$.wish.mac_address"  # in a record, where the spec has this name


class EndpointRecords(Documents[Endpoint]):
    """The table of endpoints."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "endpoints", Endpoint)

    def add(
        self, endpoint: Endpoint, versions: frozenset[int] = _BOTH, *, most: int = 0
    ) -> Endpoint:
        """Record a new endpoint, and its ports in these IP versions.

        ``most`` is the most endpoints that its network takes, 0 for any number. Of several calls
        for the last place, one gets it. Raises NetworkNotFound where the network was deleted,
        AddressInUse where another endpoint of it has the MAC address, PortInUse, and BridgeFull.
        """

        def work(connection: sqlite3.Connection, revision: int) -> Endpoint:
            if most:
                _require_place(connection, endpoint, most)
            _require_own_mac(connection, endpoint, endpoint.spec.mac_address)
            added = replace(endpoint, revision=revision)
            try:
                connection.execute(
                    "INSERT INTO endpoints"
                    " (id, network_id, container_id, interface, cookie, document)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        *(added.id, added.network_id, added.spec.container_id, added.interface),
                        *(_cookie(added), codec.encode(added)),
                    ),
                )
            except sqlite3.IntegrityError as error:
                raise NetworkNotFound(
                    f"network {endpoint.network} was deleted in the meantime; create it again, or"
                    " name another",
                    resource=f"network {endpoint.network}",
                ) from error
            ports.claim(connection, added, versions)
            return added

        return self._database.write(work)

    def put(self, endpoint: Endpoint) -> Endpoint:
        """Record an endpoint's new state. Raises EndpointNotFound where it was removed."""
        return self._database.write(partial(_update, endpoint))

    def put_ready(self, endpoint: Endpoint) -> Endpoint:
        """Record an endpoint that was made. Raises EndpointNotFound where it was removed.

        Raises AddressInUse where another endpoint has asked for its MAC address meanwhile.
        """

        def work(connection: sqlite3.Connection, revision: int) -> Endpoint:
            _require_own_mac(connection, endpoint, endpoint.mac_address)
            ready = replace(endpoint, state=EndpointState.READY)
            return _update(ready, connection, revision)

        return self._database.write(work)

    def has_mac(self, network_id: str, mac: str, *, but_for: str) -> bool:
        """Return whether an endpoint of a network, other than ``but_for``, has a MAC address."""
        with self._database.read() as connection:
            return _mac_holder(connection, network_id, mac, but_for) is not None

    def republish(self, endpoint: Endpoint, versions: frozenset[int]) -> Endpoint:
        """Record an endpoint's new state, and its ports in place of those before.

        Raises EndpointNotFound where it was removed, and PortInUse.
        """

        def work(connection: sqlite3.Connection, revision: int) -> Endpoint:
            changed = _update(endpoint, connection, revision)
            ports.claim(connection, changed, versions)
            return changed

        return self._database.write(work)

    def remove(self, *endpoints: Endpoint) -> None:
        """Remove the records of endpoints; an endpoint without a record is no error."""
        ids = [(endpoint.id,) for endpoint in endpoints]

        def work(connection: sqlite3.Connection, _revision: int) -> None:
            connection.executemany("DELETE FROM endpoints WHERE id = ?", ids)

        self._database.write(work)

    def of_network(self, network_id: str) -> Sequence[Endpoint]:
        """Return a network's endpoints, the oldest first."""
        return self._select("network_id = ?", network_id)

    def of_container(self, container_id: str) -> Sequence[Endpoint]:
        """Return a container's endpoints on all networks, the oldest first."""
        return self._select("container_id = ?", container_id)

    def of_sandbox(self, cookie: int) -> Sequence[Endpoint]:
        """Return the endpoints in the sandbox with that cookie, the oldest first."""
        return self._select("cookie = ?", str(cookie))

    def port_holder(
        self, port: PortMapping, versions: frozenset[int], *, but_for: str = ""
    ) -> tuple[Binding, Endpoint] | None:
        """Return the first recorded port in the way of a mapping, and its endpoint; or None.

        Ports of the endpoint with the id ``but_for`` are not in the way.
        """
        with self._database.read() as connection:
            return ports.holder_of(connection, port, versions, but_for=but_for)

    def counts(self) -> dict[str, int]:
        """Return how many endpoints each network has, by the network's id."""
        with self._database.read() as connection:
            return dict(
                connection.execute("SELECT network_id, count(*) FROM endpoints GROUP BY network_id")
            )


def _update(endpoint: Endpoint, connection: sqlite3.Connection, revision: int) -> Endpoint:
    changed = replace(endpoint, revision=revision)
    updated = connection.execute(
        "UPDATE endpoints SET cookie = ?, document = ? WHERE id = ?",
        (_cookie(changed), codec.encode(changed), changed.id),
    )
    if not updated.rowcount:
        raise EndpointNotFound(
            f"endpoint {endpoint.id[:12]} was removed in the meantime; connect again",
            resource=f"endpoint {endpoint.id}",
        )
    return changed


def _require_own_mac(connection: sqlite3.Connection, endpoint: Endpoint, mac: str) -> None:
    """Raise AddressInUse where another endpoint of the network has the MAC address."""
    holder = _mac_holder(connection, endpoint.network_id, mac, endpoint.id) if mac else None
    if holder:
        raise AddressInUse(
            f"the MAC address {mac} is that of container {holder} on network {endpoint.network},"
            " and two of them on a network cannot reach each other; give another, or none to have"
            " one derived",
            resource=f"mac_address {mac}",
            holder=holder,
        )


def _mac_holder(
    connection: sqlite3.Connection, network_id: str, mac: str, but_for: str
) -> str | None:
    """Return the container of the endpoint that has a MAC address or asks for it, or None.

    The text of a record is searched first, which takes less than a microsecond.
    """
    row = connection.execute(
        "SELECT container_id FROM endpoints WHERE network_id = ? AND id <> ?"
        " AND instr(document, ?) > 0 AND ? IN"
        " (json_extract(document, '$.mac_address'), json_extract(document, ?))",
        (network_id, but_for, f'"mac_address":"{mac}"', mac, _ASKED_MAC),
    ).fetchone()
    return row and str(row[0])


def _require_place(connection: sqlite3.Connection, endpoint: Endpoint, most: int) -> None:
    """Raise BridgeFull where the network has no place left; unfinished endpoints count too."""
    (count,) = connection.execute(
        "SELECT count(*) FROM endpoints WHERE network_id = ?", (endpoint.network_id,)
    ).fetchone()
    if count >= most:
        raise BridgeFull(
            f"network {endpoint.network} has {count} endpoints, and takes no more than {most};"
            " disconnect one, or use a second network",
            resource=f"network {endpoint.network}",
            metadata={"limit": str(most)},
        )


def _cookie(endpoint: Endpoint) -> str:
    """Return the cookie as text. It has 64 bits unsigned, and SQLite's integers are signed."""
    return str(endpoint.place.sandbox.cookie) if endpoint.place.sandbox else ""
