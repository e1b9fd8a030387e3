"""The daemon's records: networks, endpoints with their ports, and the registry of subnets.

They are in one SQLite file, ``mynet.db``. A record is a JSON document. The columns beside it are
those that records are found by and that must be unique. Every change is durable when the call
returns, and carries the revision of its commit.
"""

from pathlib import Path

from mynet.ipam.sqlite.checksums import checksum_column
from mynet.ipam.sqlite.database import Database
from mynet.server.store.endpoints import EndpointRecords
from mynet.server.store.networks import NetworkRecords
from mynet.server.store.subnets import SubnetRecords

_SEALED_SUBNET = checksum_column(
    *("version", "first", "last", "cidr", "backend", "rules", "kept"),
    *("network_id", "network_rules", "create_time", "revision"),
)

# Numbered from 1. A script that was ever released is never edited: add the next one.
MIGRATIONS = (
    f"""
    CREATE TABLE networks (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL UNIQUE,
      interface TEXT NOT NULL,
      document TEXT NOT NULL,
      {checksum_column("id", "name", "interface", "document")}
    ) STRICT;
    CREATE UNIQUE INDEX networks_by_interface ON networks (interface) WHERE interface <> '';

    CREATE TABLE endpoints (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      network_id TEXT NOT NULL REFERENCES networks (id),
      container_id TEXT NOT NULL,
      interface TEXT NOT NULL,
      cookie TEXT NOT NULL,
      document TEXT NOT NULL,
      {checksum_column("id", "network_id", "container_id", "interface", "cookie", "document")},
      UNIQUE (network_id, container_id, interface)
    ) STRICT;
    CREATE INDEX endpoints_by_container ON endpoints (container_id);
    CREATE INDEX endpoints_by_cookie ON endpoints (cookie);

    -- first and last are 16 bytes, so that they sort as numbers; IPv4 stands in the last four.
    CREATE TABLE subnets (
      version INTEGER NOT NULL,
      first BLOB NOT NULL,
      last BLOB NOT NULL,
      cidr TEXT NOT NULL UNIQUE,
      backend TEXT NOT NULL,
      rules TEXT NOT NULL,        -- JSON
      kept INTEGER NOT NULL,      -- 1 where it stays without a network
      network_id TEXT REFERENCES networks (id),
      network_rules TEXT,         -- those of the network, where it has some: they go first
      create_time TEXT NOT NULL,
      revision INTEGER NOT NULL,
      {_SEALED_SUBNET},
      PRIMARY KEY (version, first)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX subnets_by_network ON subnets (network_id);

    -- Behind which address the next subnet of a default pool is looked for.
    CREATE TABLE cursors (
      pool TEXT PRIMARY KEY,
      position BLOB NOT NULL,
      {checksum_column("pool", "position")}
    ) STRICT, WITHOUT ROWID;
    """,
    f"""
    -- The host's ports that endpoints have, at an address, or at all of a family where it is ''.
    CREATE TABLE ports (
      protocol TEXT NOT NULL,
      version INTEGER NOT NULL,
      address TEXT NOT NULL,
      first INTEGER NOT NULL,
      last INTEGER NOT NULL,
      endpoint_id TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
      {checksum_column("protocol", "version", "address", "first", "last", "endpoint_id")},
      PRIMARY KEY (protocol, version, address, first)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX ports_by_endpoint ON ports (endpoint_id);
    """,
)


class Store:
    """The file, and its three kinds of records.

    Every method raises what ``mynet.ipam.sqlite`` raises.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, MIGRATIONS)
        self.subnets = SubnetRecords(self._database)
        self.networks = NetworkRecords(self._database)
        self.endpoints = EndpointRecords(self._database)

    def await_writer(self) -> None:
        """Wait until the writes that others have begun are on the disk, or are refused."""
        self._database.write(lambda _connection, _revision: None)

    def close(self) -> None:
        """Commit the writes under way, and close the file."""
        self._database.close()
