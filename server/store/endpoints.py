"""The records of endpoints."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from mynet.drivers.api import PortMapping
from mynet.drivers.errors import BridgeFull
from mynet.drivers.linux.values.ports import Binding
from mynet.ipam.sqlite.database import Database
from mynet.server.errors import EndpointNotFound, NetworkNotFound
from mynet.server.model.endpoints import Endpoint
from mynet.server.store import codec, ports
from mynet.server.store.records import Documents

_BOTH = frozenset({4, 6})


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
        PortInUse, and BridgeFull.
        """

        def work(connection: sqlite3.Connection, revision: int) -> Endpoint:
            if most:
                _require_place(connection, endpoint, most)
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
                    f"network {endpoint.network} was deleted in the meantime",
                    resource=f"network {endpoint.network}",
                ) from error
            ports.claim(connection, added, versions)
            return added

        return self._database.write(work)

    def put(self, endpoint: Endpoint) -> Endpoint:
        """Record an endpoint's new state. Raises EndpointNotFound where it was removed."""
        return self._database.write(partial(_update, endpoint))

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
