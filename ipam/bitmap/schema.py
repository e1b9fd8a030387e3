"""The schema of ``bitmap.db``. Never edit a script that was released: append the next one."""

from mynet.ipam.sqlite.checksums import checksum_column

_ALLOCATION_CHECKSUM = checksum_column(
    *("subnet", "address", "owner", "create_time", "revision", "labels", "sticky_key")
)

MIGRATIONS = (
    f"""
    CREATE TABLE subnets (
      id INTEGER PRIMARY KEY,
      version INTEGER NOT NULL,
      first BLOB NOT NULL,      -- 16 bytes, as all addresses here, so that they sort as numbers
      cidr TEXT NOT NULL UNIQUE,
      cursor BLOB NOT NULL,     -- where the next search begins: a position in 17 bytes
      allocated INTEGER NOT NULL,
      resting INTEGER NOT NULL,
      {checksum_column("id", "version", "first", "cidr", "cursor", "allocated", "resting")}
    ) STRICT;
    CREATE UNIQUE INDEX subnets_in_order ON subnets (version, first);

    -- The bitmap. A bit is set for an address that is allocated or in the release queue.
    CREATE TABLE pages (
      subnet INTEGER NOT NULL REFERENCES subnets (id),
      number BLOB NOT NULL,     -- 16 bytes: an IPv6 subnet may have 2^116 pages
      bits BLOB NOT NULL,       -- little-endian, without the zeros at the end
      {checksum_column("subnet", "number", "bits")},
      PRIMARY KEY (subnet, number)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE allocations (
      subnet INTEGER NOT NULL REFERENCES subnets (id),
      address BLOB NOT NULL,
      owner TEXT NOT NULL,
      create_time TEXT NOT NULL,
      revision INTEGER NOT NULL,
      labels TEXT NOT NULL,     -- JSON
      sticky_key TEXT NOT NULL,
      {_ALLOCATION_CHECKSUM},
      PRIMARY KEY (subnet, address)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX allocations_by_owner ON allocations (owner, subnet, revision);

    -- The release queue. The time of release is a boot, and nanoseconds of CLOCK_BOOTTIME in it.
    CREATE TABLE resting (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      subnet INTEGER NOT NULL REFERENCES subnets (id),
      address BLOB NOT NULL,
      boot TEXT NOT NULL,
      released INTEGER NOT NULL,
      {checksum_column("subnet", "address", "boot", "released")},
      UNIQUE (subnet, address)
    ) STRICT;
    CREATE INDEX resting_in_order ON resting (subnet, seq);

    -- Sticky keys that are not in use, with the address that each had.
    CREATE TABLE remembered (
      subnet INTEGER NOT NULL REFERENCES subnets (id),
      sticky_key TEXT NOT NULL,
      address BLOB NOT NULL,
      boot TEXT NOT NULL,
      released INTEGER NOT NULL,
      {checksum_column("subnet", "sticky_key", "address", "boot", "released")},
      PRIMARY KEY (subnet, sticky_key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX remembered_in_time ON remembered (subnet, boot, released);
    """,
)
