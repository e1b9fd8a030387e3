"""The registry of subnets: which there are, who uses them, and that no two overlap."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network

from mynet.ipam.api import IPNetwork
from mynet.ipam.sqlite import Database
from mynet.server.errors import SubnetNotFound, SubnetOverlap
from mynet.server.model import BookedSubnet

_COLUMNS = """
    subnets.cidr, subnets.backend, subnets.network_id, networks.name,
    subnets.create_time, subnets.revision
    FROM subnets LEFT JOIN networks ON networks.id = subnets.network_id
"""


@dataclass(frozen=True, slots=True)
class SubnetKey:
    """Where a subnet stands in the registry's order: IPv4 first, then by address."""

    version: int
    first: bytes
    last: bytes

    @classmethod
    def of(cls, cidr: IPNetwork) -> "SubnetKey":
        """Return the key of a subnet; addresses are padded to 16 bytes."""
        first, last = int(cidr.network_address), int(cidr.broadcast_address)
        return cls(cidr.version, first.to_bytes(16, "big"), last.to_bytes(16, "big"))


def overlapping(connection: sqlite3.Connection, cidr: IPNetwork) -> BookedSubnet | None:
    """Return a booked subnet that shares addresses with ``cidr``, or None.

    Booked subnets do not overlap each other, so the last one that begins before the end of ``cidr``
    is the only one that can: one step in the index, however many there are.
    """
    key = SubnetKey.of(cidr)
    row = connection.execute(
        f"SELECT {_COLUMNS} WHERE version = ? AND first <= ? ORDER BY first DESC LIMIT 1",
        (key.version, key.last),
    ).fetchone()
    found = _subnet(row) if row else None
    return found if found and found.cidr.overlaps(cidr) else None


def claim(
    connection: sqlite3.Connection,
    revision: int,
    now: datetime,
    *,
    cidr: IPNetwork,
    backend: str,
    network_id: str | None,
) -> None:
    """Book a subnet, for a network or for nobody; one that nobody uses is taken over.

    Raises SubnetOverlap, naming the network or the subnet in the way.
    """
    other = overlapping(connection, cidr)
    if other is None:
        key = SubnetKey.of(cidr)
        connection.execute(
            "INSERT INTO subnets VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(key.version, key.first, key.last, str(cidr), backend),
                *(network_id, now.isoformat(), revision),
            ),
        )
    elif other.cidr == cidr and not other.network_id and other.backend == backend:
        connection.execute(
            "UPDATE subnets SET network_id = ?, revision = ? WHERE cidr = ?",
            (network_id, revision, str(cidr)),
        )
    else:
        raise _overlap(cidr, other)


def _overlap(cidr: IPNetwork, other: BookedSubnet) -> SubnetOverlap:
    user = f"network {other.network}" if other.network else f"backend {other.backend}"
    return SubnetOverlap(
        f"{cidr} shares addresses with {other.cidr} of {user}; choose another subnet, or free that"
        " one first",
        resource=f"subnet {other.cidr}",
        holder=user,
        metadata={"subnet": str(other.cidr), "network": other.network},
    )


def _subnet(row: Sequence[str]) -> BookedSubnet:
    cidr, backend, network_id, network, create_time, revision = row
    return BookedSubnet(
        cidr=ip_network(cidr),
        backend=backend,
        network_id=network_id or "",
        network=network or "",
        create_time=datetime.fromisoformat(create_time),
        revision=int(revision),
    )


class SubnetRecords:
    """The registry, as the core uses it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def found(self, cidr: IPNetwork, backend: str, now: datetime) -> BookedSubnet | None:
        """Book a subnet that no network uses. Raises SubnetOverlap.

        One that is in the book already is returned, and stays as it is.
        """

        def work(connection: sqlite3.Connection, revision: int) -> BookedSubnet | None:
            other = overlapping(connection, cidr)
            if other and other.cidr == cidr:
                return other
            claim(connection, revision, now, cidr=cidr, backend=backend, network_id=None)
            return None

        return self._database.write(work)

    def drop(self, cidr: IPNetwork) -> bool:
        """Take a subnet that no network uses out of the book; say whether it was there."""
        return self._database.write(
            lambda connection, _: (
                connection.execute(
                    "DELETE FROM subnets WHERE cidr = ? AND network_id IS NULL", (str(cidr),)
                ).rowcount
                > 0
            )
        )

    def find(self, cidr: IPNetwork) -> BookedSubnet | None:
        """Return a subnet, or None where it is not in the book."""
        with self._database.read() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} WHERE cidr = ?", (str(cidr),)).fetchone()
        return _subnet(row) if row else None

    def get(self, cidr: IPNetwork) -> BookedSubnet:
        """Return a subnet. Raises SubnetNotFound."""
        if found := self.find(cidr):
            return found
        raise SubnetNotFound(
            f"subnet {cidr} is not in the book; ListSubnets shows those that are",
            resource=f"subnet {cidr}",
        )

    def unused(self) -> Sequence[BookedSubnet]:
        """Return the subnets that no network uses."""
        with self._database.read() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} WHERE network_id IS NULL").fetchall()
        return [_subnet(row) for row in rows]

    def page(self, after: IPNetwork | None, limit: int) -> Sequence[BookedSubnet]:
        """Return at most ``limit`` subnets behind ``after``, IPv4 first, by address."""
        version, first = (0, b"") if after is None else (after.version, SubnetKey.of(after).first)
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} WHERE (version, first) > (?, ?)"
                " ORDER BY version, first LIMIT ?",
                (version, first, limit),
            ).fetchall()
        return [_subnet(row) for row in rows]
