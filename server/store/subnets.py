"""The registry of subnets and the networks that use them. No two subnets overlap."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_network

from mynet.ipam.api import IPNetwork
from mynet.ipam.sqlite.database import Database
from mynet.server.errors import SubnetExists
from mynet.server.model import subnets as model
from mynet.server.model.subnets import Imported, NewSubnet
from mynet.server.store import codec
from mynet.server.store.subnet_chooser import choose
from mynet.server.store.subnet_errors import overlap, subnet_not_found, user_of

_COLUMNS = """
    subnets.cidr, subnets.backend, coalesce(subnets.network_rules, subnets.rules), subnets.kept,
    subnets.network_id, networks.name, subnets.create_time, subnets.revision
    FROM subnets LEFT JOIN networks ON networks.id = subnets.network_id
"""


@dataclass(frozen=True, slots=True)
class SubnetKey:
    """A subnet's place in the registry's order: IPv4 first, then by address."""

    version: int
    first: bytes
    last: bytes

    @classmethod
    def of(cls, cidr: IPNetwork) -> "SubnetKey":
        """Return the key of a subnet; addresses are padded to 16 bytes."""
        first, last = int(cidr.network_address), int(cidr.broadcast_address)
        return cls(cidr.version, first.to_bytes(16, "big"), last.to_bytes(16, "big"))


def overlapping(connection: sqlite3.Connection, cidr: IPNetwork) -> model.RegisteredSubnet | None:
    """Return a registered subnet that shares addresses with ``cidr``, or None.

    Registered subnets do not overlap each other. So only the last one that begins before the end of
    ``cidr`` can be in the way, which is one step in the index.
    """
    key = SubnetKey.of(cidr)
    before = _select(
        connection,
        "version = ? AND first <= ? ORDER BY first DESC LIMIT 1",
        *(key.version, key.last),
    )
    return next((subnet for subnet in before if subnet.cidr.overlaps(cidr)), None)


def register(
    connection: sqlite3.Connection, revision: int, now: datetime, entry: NewSubnet
) -> None:
    """Register a subnet. Raises SubnetExists and SubnetOverlap."""
    if other := overlapping(connection, entry.cidr):
        if other.cidr != entry.cidr:
            raise overlap(entry.cidr, other)
        raise SubnetExists(
            f"subnet {other.cidr} is registered already, of {user_of(other)}; use it as it is, or"
            " delete it first",
            resource=f"subnet {other.cidr}",
            holder=user_of(other),
        )
    key = SubnetKey.of(entry.cidr)
    connection.execute(
        "INSERT INTO subnets (version, first, last, cidr, backend, rules, kept, network_id,"
        " create_time, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(key.version, key.first, key.last, str(entry.cidr), entry.backend),
            *(codec.encode(entry.rules), entry.kept, entry.network_id, now.isoformat(), revision),
        ),
    )


def claim(connection: sqlite3.Connection, revision: int, now: datetime, entry: NewSubnet) -> None:
    """Register a subnet for a network, or let the network adopt a subnet without one.

    An adopted subnet keeps its rules, unless the spec of the network has rules; those hold while
    the network exists. Raises SubnetOverlap, which names the network or the subnet in the way.
    """
    other = overlapping(connection, entry.cidr)
    if other is None:
        register(connection, revision, now, entry)
    elif (other.cidr, other.network_id, other.backend) == (entry.cidr, "", entry.backend):
        own = None if entry.rules == model.Rules() else codec.encode(entry.rules)
        connection.execute(
            "UPDATE subnets SET network_id = ?, network_rules = ?, revision = ? WHERE cidr = ?",
            (entry.network_id, own, revision, str(entry.cidr)),
        )
    else:
        raise overlap(entry.cidr, other)


def _keep(
    connection: sqlite3.Connection, revision: int, cidrs: Sequence[IPNetwork], *, kept: bool
) -> None:
    connection.executemany(
        "UPDATE subnets SET kept = ?, revision = ? WHERE cidr = ?",
        [(kept, revision, str(cidr)) for cidr in cidrs],
    )


@lru_cache(maxsize=1024)  # they are read with each allocation, and seldom change
def _rules(text: str) -> model.Rules:
    return codec.decode(text, model.Rules)


def _select(
    connection: sqlite3.Connection, condition: str, *values: object
) -> list[model.RegisteredSubnet]:
    rows = connection.execute(f"SELECT {_COLUMNS} WHERE {condition}", values)
    return [
        model.RegisteredSubnet(
            cidr=ip_network(cidr),
            backend=backend,
            rules=_rules(rules),
            kept=bool(kept),
            network_id=network_id or "",
            network=network or "",
            create_time=datetime.fromisoformat(create_time),
            revision=revision,
        )
        for cidr, backend, rules, kept, network_id, network, create_time, revision in rows
    ]


class SubnetRecords:
    """The table of subnets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        spec: model.SubnetSpec,
        candidates: model.SubnetCandidates,
        backend: str,
        now: datetime,
        *,
        kept: bool,
    ) -> IPNetwork:
        """Register a subnet without a network, and return its CIDR.

        Raises SubnetExists, SubnetOverlap and PoolsExhausted.
        """

        def work(connection: sqlite3.Connection, revision: int) -> IPNetwork:
            cidr = choose(connection, spec, candidates)
            register(connection, revision, now, NewSubnet(cidr, backend, spec.rules, kept=kept))
            return cidr

        return self._database.write(work)

    def load(self, dumps: Sequence[model.SubnetDump], backend: str, now: datetime) -> Imported:
        """Register the subnets that are missing, and mark those that are to be kept; all or none.

        Raises SubnetOverlap, also where a subnet is registered with another backend.
        """

        def work(connection: sqlite3.Connection, revision: int) -> Imported:
            new, kept = [], []
            for dump in dumps:
                other = overlapping(connection, dump.cidr)
                if other is None:
                    register(connection, revision, now, NewSubnet(dump.cidr, backend, dump.rules))
                    new.append(dump.cidr)
                elif (other.cidr, other.backend) != (dump.cidr, backend):
                    raise overlap(dump.cidr, other)
                if dump.kept and not (other and other.kept):
                    kept.append(dump.cidr)
            _keep(connection, revision, kept, kept=True)
            return Imported(new, kept)

        return self._database.write(work)

    def unkeep(self, cidrs: Sequence[IPNetwork]) -> None:
        """Mark subnets as not kept: they are dropped with their last user."""
        self._database.write(
            lambda connection, revision: _keep(connection, revision, cidrs, kept=False)
        )

    def drop(self, cidr: IPNetwork) -> bool:
        """Remove a subnet that no network uses, and return whether there was one."""
        return self._database.write(
            lambda connection, _: (
                connection.execute(
                    "DELETE FROM subnets WHERE cidr = ? AND network_id IS NULL", (str(cidr),)
                ).rowcount
                > 0
            )
        )

    def overlapping(self, cidr: IPNetwork) -> model.RegisteredSubnet | None:
        """Return a registered subnet that shares addresses with ``cidr``, or None."""
        with self._database.read() as connection:
            return overlapping(connection, cidr)

    def get(self, cidr: IPNetwork) -> model.RegisteredSubnet | None:
        """Return a subnet, or None where it is not in the registry."""
        with self._database.read() as connection:
            return next(iter(_select(connection, "cidr = ?", str(cidr))), None)

    def find(self, cidr: IPNetwork) -> model.RegisteredSubnet:
        """Return a subnet. Raises SubnetNotFound."""
        if subnet := self.get(cidr):
            return subnet
        raise subnet_not_found(cidr)

    def all(self) -> Sequence[model.RegisteredSubnet]:
        """Return every subnet, IPv4 first, by address."""
        return self.page(None, -1)

    def without_network(self) -> Sequence[model.RegisteredSubnet]:
        """Return the subnets that no network uses."""
        with self._database.read() as connection:
            return _select(connection, "network_id IS NULL")

    def page(self, after: IPNetwork | None, limit: int) -> Sequence[model.RegisteredSubnet]:
        """Return at most ``limit`` subnets behind ``after``, IPv4 first, by address."""
        version, first = (0, b"") if after is None else (after.version, SubnetKey.of(after).first)
        with self._database.read() as connection:
            return _select(
                connection,
                "(version, first) > (?, ?) ORDER BY version, first LIMIT ?",
                *(version, first, limit),
            )
