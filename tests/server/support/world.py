"""A daemon over fakes of the host, the drivers and the backends."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mynet.drivers.api import Driver
from mynet.ipam.api import Backend
from mynet.server.plugins import catalog
from mynet.server.plugins.catalog import Catalog, CatalogEntry
from tests.ipam.support.clocks import FakeClock
from tests.server.support.daemon import Daemon, list_backend, list_driver
from tests.server.support.faulty.fake_backend import FakeBackend
from tests.server.support.faulty.fakes import FakeDriver, FakeHost

TORN = "ImportError: no module named rope"


class World(Daemon):
    """A daemon, and the fakes that a test may inspect or break.

    It has two drivers, ``bridge`` (``driver``) and ``other``, and two backends, ``bitmap``
    (``backend``) and ``spare``; driver ``torn`` and backend ``torn`` were refused.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.host = FakeHost()
        self.driver, self.other = FakeDriver(self.host), FakeDriver(self.host, "other")
        self.clock = FakeClock()
        self.backend = FakeBackend(folder, self.clock)
        self.spare = FakeBackend(folder, self.clock, "spare")
        torn: CatalogEntry[Driver] = CatalogEntry("torn", "mynet-torn", "0.3", error=TORN)
        frayed: CatalogEntry[Backend] = CatalogEntry("torn", "mynet-torn", "0.3", error=TORN)
        super().__init__(
            folder,
            self.host,
            Catalog(catalog.DRIVERS, [*map(list_driver, (self.driver, self.other)), torn]),
            Catalog(catalog.BACKENDS, [*map(list_backend, (self.backend, self.spare)), frayed]),
            **settings,
        )

    def close(self) -> None:
        """Close the daemon, after all hangs have been ended."""
        for fake in (self.driver, self.other, self.backend, self.spare):
            fake.trouble.end()
        super().close()

    def state(self) -> Mapping[str, object]:
        """Return all that a call may change: records, kernel, and both backends."""
        return {
            "networks": self.store.networks.all(),
            "endpoints": self.store.endpoints.all(),
            "subnets": self.store.subnets.page(None, 10**6),
            "held": (self.held(), self.spare.held()),
            "open": (self.backend.opened(), self.spare.opened()),
            "kernel": [(dict(d.networks), dict(d.endpoints)) for d in (self.driver, self.other)],
            "devices": self.host.devices(),
            "ports": self.host.ports.taken(),
        }

    def held(self) -> dict[str, str]:
        """Return the owner of each address of the default backend."""
        return self.backend.held()

    def sandbox(self, name: str = "c1", *devices: str) -> str:
        """Create a sandbox and return its path. It replaces one of the same name."""
        return self.host.add_sandbox(name, *devices)
