"""The networks' records."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from mynet.drivers.errors import InterfaceExists
from mynet.ipam.sqlite.database import Database
from mynet.server.errors import Ambiguous, NetworkExists, NetworkNotFound, quoted
from mynet.server.model.networks import Network, Subnet
from mynet.server.model.subnets import SubnetCandidates, SubnetSpec
from mynet.server.store import codec, subnets
from mynet.server.store.records import Documents


class NetworkRecords(Documents[Network]):
    """The networks, as the core uses them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "networks", Network)

    def add(
        self, network: Network, specs: Sequence[SubnetSpec], ground: SubnetCandidates
    ) -> Network:
        """Record a new network and claim its subnets, in one commit; return it with these.

        Raises NetworkExists, InterfaceExists, SubnetOverlap and PoolsExhausted; then nothing was
        recorded.
        """

        def work(connection: sqlite3.Connection, revision: int) -> Network:
            _require_free(connection, network)
            connection.execute(  # the row comes first, as subnets refer to it
                "INSERT INTO networks (id, name, interface, document) VALUES (?, ?, ?, '')",
                (network.id, network.name, network.interface),
            )
            claimed = _claim(connection, revision, network, specs, ground)
            return _write(connection, revision, replace(network, subnets=claimed))

        return self._database.write(work)

    def put(self, network: Network) -> Network:
        """Record a network's new state. Raises NetworkNotFound."""
        return self._database.write(
            lambda connection, revision: _write(connection, revision, network)
        )

    def remove(self, network: Network) -> None:
        """Forget a network and let go of its subnets; they stay in the book, used by nobody."""

        def work(connection: sqlite3.Connection, revision: int) -> None:
            connection.execute(
                "UPDATE subnets SET network_id = NULL, network_rules = NULL, revision = ?"
                " WHERE network_id = ?",
                (revision, network.id),
            )
            connection.execute("DELETE FROM networks WHERE id = ?", (network.id,))

        self._database.write(work)

    def has_interface(self, name: str) -> bool:
        """Say whether a network has the host's device of that name."""
        with self._database.read() as connection:
            return _with_interface(connection, name) is not None

    def find(self, selector: str) -> Network:
        """Return the network with that exact id, else that exact name, else that id prefix.

        Raises NetworkNotFound, and Ambiguous where a prefix fits several.
        """
        with self._database.read() as connection:
            rows = (
                self._matching(connection, "id = ?", selector)
                or self._matching(connection, "name = ?", selector)
                or self._matching(connection, "id >= ? AND id < ? || 'g'", selector, selector)
            )
        if len(rows) > 1:
            raise Ambiguous(
                f"{quoted(selector)} is the beginning of several networks' ids"
                f" ({', '.join(network.name for network in rows)}); give more digits, or the name",
                resource=f"network {selector}",
            )
        if not rows or not selector:
            raise network_not_found(selector)
        return rows[0]


def _write(connection: sqlite3.Connection, revision: int, network: Network) -> Network:
    """Write a network's document; return it as written. Raises NetworkNotFound."""
    changed = replace(network, revision=revision)
    updated = connection.execute(
        "UPDATE networks SET document = ? WHERE id = ?", (codec.encode(changed), changed.id)
    )
    if not updated.rowcount:
        raise network_not_found(network.name)
    return changed


def _claim(
    connection: sqlite3.Connection,
    revision: int,
    network: Network,
    specs: Sequence[SubnetSpec],
    ground: SubnetCandidates,
) -> tuple[Subnet, ...]:
    """Claim a network's subnets, those that are named before those that are chosen."""
    claimed: dict[int, Subnet] = {}
    for number, spec in sorted(enumerate(specs), key=lambda each: each[1].cidr is None):
        cidr = subnets.chosen(connection, spec, ground)
        entry = subnets.Entry(cidr, network.spec.ipam, spec.rules, network_id=network.id)
        subnets.claim(connection, revision, network.create_time, entry)
        claimed[number] = Subnet(cidr, None, spec)
    return tuple(claimed[number] for number in range(len(specs)))


def _require_free(connection: sqlite3.Connection, network: Network) -> None:
    """Refuse a name, or a device of the host, that another network has."""
    taken = connection.execute("SELECT id FROM networks WHERE name = ?", (network.name,)).fetchone()
    if taken:
        raise network_exists(network.name, taken[0])
    holder = _with_interface(connection, network.interface)
    if holder:
        raise InterfaceExists(
            f"the interface {network.interface} is that of network {holder}; name another, or"
            " leave the choice to mynetd",
            resource=f"interface {network.interface}",
        )


def _with_interface(connection: sqlite3.Connection, name: str) -> str | None:
    """Return the name of the network with that device; those without one share none."""
    row = connection.execute(
        "SELECT name FROM networks WHERE interface = ? AND interface <> ''", (name,)
    ).fetchone()
    return row and str(row[0])


def network_exists(name: str, holder: str) -> NetworkExists:
    """Say that a name is taken."""
    return NetworkExists(
        f"a network {name!r} is there already (id {holder[:12]}); choose another name, or set"
        " allow_existing to accept one with the same spec",
        resource=f"network {name}",
        holder=holder,
    )


def network_not_found(selector: str) -> NetworkNotFound:
    """Say that a network is not there."""
    return NetworkNotFound(
        f"there is no network {quoted(selector)}; ListNetworks (mynetctl network ls) shows those"
        " there are",
        resource=f"network {quoted(selector)}",
    )
