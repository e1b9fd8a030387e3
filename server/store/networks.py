"""The records of networks."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network

from mynet.drivers.errors import InterfaceExists
from mynet.ipam.sqlite.database import Database
from mynet.server.errors import Ambiguous, NetworkExists, NetworkNotFound, SubnetOverlap, quoted
from mynet.server.model.networks import Network, Subnet
from mynet.server.model.scopes import EVERYTHING, Scope
from mynet.server.model.subnets import NewSubnet, SubnetCandidates, SubnetSpec
from mynet.server.store import codec, subnets
from mynet.server.store.records import Documents
from mynet.server.store.subnet_chooser import choose


class NetworkRecords(Documents[Network]):
    """The table of networks."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "networks", Network)

    def add(
        self, network: Network, specs: Sequence[SubnetSpec], candidates: SubnetCandidates
    ) -> Network:
        """Record a new network and claim its subnets in one commit; return it with its subnets.

        Raises NetworkExists, InterfaceExists, SubnetOverlap and PoolsExhausted; then nothing was
        recorded.
        """

        def work(connection: sqlite3.Connection, revision: int) -> Network:
            _require_free(connection, network)
            connection.execute(  # the row comes first, as subnets refer to it
                "INSERT INTO networks (id, name, interface, document) VALUES (?, ?, ?, '')",
                (network.id, network.name, network.interface),
            )
            claimed = _claim(connection, revision, network, specs, candidates)
            return _write(connection, revision, replace(network, subnets=claimed))

        return self._database.write(work)

    def put(self, network: Network) -> Network:
        """Record a network's new state. Raises NetworkNotFound."""
        return self._database.write(
            lambda connection, revision: _write(connection, revision, network)
        )

    def remove(self, network: Network) -> None:
        """Remove a network's record. Its subnets stay registered without a network."""

        def work(connection: sqlite3.Connection, revision: int) -> None:
            connection.execute(
                "UPDATE subnets SET network_id = NULL, network_rules = NULL, revision = ?"
                " WHERE network_id = ?",
                (revision, network.id),
            )
            connection.execute("DELETE FROM networks WHERE id = ?", (network.id,))

        self._database.write(work)

    def has_interface(self, name: str) -> bool:
        """Return whether a network on record has that name for its device on the host."""
        with self._database.read() as connection:
            return _with_interface(connection, name) is not None

    def find(self, selector: str, scope: Scope = EVERYTHING) -> Network:
        """Return the network with that id, else with that name, else with an id that begins so.

        Raises NetworkNotFound, and Ambiguous where several ids begin so. Networks outside the scope
        count as missing.
        """
        with self._database.read() as connection:
            rows = (
                self._in_scope(scope, connection, "id = ?", selector)
                or self._in_scope(scope, connection, "name = ?", selector)
                or self._in_scope(
                    scope, connection, "id >= ? AND id < ? || 'g'", selector, selector
                )
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

    def _in_scope(
        self, scope: Scope, connection: sqlite3.Connection, condition: str, *values: object
    ) -> Sequence[Network]:
        """Return the networks in a scope that match a condition."""
        networks = self._matching(connection, condition, *values)
        return [network for network in networks if scope.has(network.name, network.spec.labels)]


def _write(connection: sqlite3.Connection, revision: int, network: Network) -> Network:
    """Write a network's document and return the network as written. Raises NetworkNotFound."""
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
    candidates: SubnetCandidates,
) -> tuple[Subnet, ...]:
    """Claim a network's subnets. The named ones come first, so that choice cannot take them."""
    claimed: dict[int, Subnet] = {}
    for number, spec in sorted(enumerate(specs), key=lambda numbered: numbered[1].cidr is None):
        cidr = choose(connection, spec, candidates)
        entry = NewSubnet(cidr, network.spec.ipam, spec.rules, network_id=network.id)
        subnets.claim(connection, revision, network.create_time, entry)
        claimed[number] = Subnet(cidr, None, spec)
    for subnet in claimed.values():
        _require_in_no_other(connection, subnet)
    return tuple(claimed[number] for number in range(len(specs)))


def _require_in_no_other(connection: sqlite3.Connection, subnet: Subnet) -> None:
    """Raise SubnetOverlap where a gateway outside its subnet is an address of another."""
    gateway = subnet.spec.gateway
    if gateway is None or gateway in subnet.cidr:
        return
    if other := subnets.overlapping(connection, ip_network(gateway)):
        raise SubnetOverlap(
            f"the gateway {gateway} of {subnet.cidr} is an address of {other.cidr}, which is"
            " registered too; name a gateway that is in no other subnet, such as fe80::1",
            resource=f"subnet {other.cidr}",
            holder=other.network,
            metadata={"subnet": str(other.cidr), "network": other.network},
        )


def _require_free(connection: sqlite3.Connection, network: Network) -> None:
    """Raise NetworkExists or InterfaceExists where another network has the name or the device."""
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
    """Return the name of the network with that device, or None."""
    row = connection.execute(
        "SELECT name FROM networks WHERE interface = ? AND interface <> ''", (name,)
    ).fetchone()
    return row and str(row[0])


def network_exists(name: str, holder: str) -> NetworkExists:
    """Return the error for a name that another network has."""
    return NetworkExists(
        f"a network {name!r} is there already (id {holder[:12]}); choose another name, or set"
        " allow_existing to accept one with the same spec",
        resource=f"network {name}",
        holder=holder,
    )


def network_not_found(selector: str) -> NetworkNotFound:
    """Return the error for a network that does not exist."""
    return NetworkNotFound(
        f"there is no network {quoted(selector)}; ListNetworks (mynetctl network ls) shows all"
        " networks",
        resource=f"network {quoted(selector)}",
    )
