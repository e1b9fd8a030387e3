"""A daemon over the real driver and the real backend. Only the kernel is a fake."""

import json
from collections.abc import Mapping
from pathlib import Path

from mynet.drivers.api import DriverContext
from mynet.drivers.bridge import BridgeDriver
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.ipam.api import AllocationQuery, BackendContext
from mynet.ipam.bitmap import BitmapBackend
from mynet.server.calls.call import Call
from mynet.server.offline.fsck import examine
from mynet.server.offline.fsck.kernel import Comparison, compare
from mynet.server.plugins import catalog
from mynet.server.plugins.catalog import Catalog
from tests.server.support.daemon import INSTANCE, Daemon, list_backend, list_driver

BITMAP_DB = "ipam/bitmap/bitmap.db"  # below the state directory


class Stack(Daemon):
    """The daemon with ``bridge`` over a kernel in memory and ``bitmap`` over a file.

    ``folder`` is a state directory, which is in order when the daemon is closed.
    """

    def __init__(
        self,
        folder: Path,
        versions: frozenset[int] = frozenset({4, 6}),
        backup_dir: Path | None = None,
    ) -> None:
        self.folder = folder
        bitmap_dir = folder / "ipam" / "bitmap"
        bitmap_dir.mkdir(parents=True, exist_ok=True)
        marker = {"format": 1, "instance": INSTANCE, "files": [BITMAP_DB, "mynet.db"]}
        (folder / "mynet.json").write_text(json.dumps(marker))
        self.kernel = FakeKernel(uplink_mtu=1450, versions=versions)
        self.bitmap = BitmapBackend(BackendContext(INSTANCE, bitmap_dir))
        super().__init__(
            folder,
            self.kernel,
            Catalog(catalog.DRIVERS, [list_driver(self.driver())]),
            Catalog(catalog.BACKENDS, [list_backend(self.bitmap)]),
            backup_dir=backup_dir,
        )
        self.sandboxes = [self.kernel.add_sandbox(f"/run/netns/{name}") for name in ("c1", "c2")]

    def close(self) -> None:
        """Close the daemon, and assert that fsck finds nothing wrong."""
        super().close()
        report = examine(self.folder)
        assert list(report.findings) == []
        if report.records.networks:
            kernel = Comparison()
            compare(
                kernel,
                report.records,
                Catalog(catalog.DRIVERS, [list_driver(self.driver())]),
                self.kernel,
                5,
            )
            assert (kernel.findings, kernel.remarks) == ([], [])

    def driver(self) -> BridgeDriver:
        """Return a new driver of this kernel."""
        return BridgeDriver(DriverContext(INSTANCE, self.folder), self.kernel)

    def state(self) -> Mapping[str, object]:
        """Return everything: records, allocations, links of every namespace, and the firewall."""
        return {
            "networks": self.store.networks.all(),
            "endpoints": self.store.endpoints.all(),
            "subnets": self.store.subnets.page(None, 10**6),
            "open": self.open_subnets(),
            "held": self.bitmap.allocations(Call.internal(5), AllocationQuery()),
            "links": [self.kernel.list_links(where) for where in (None, *self.sandboxes)],
            "firewall": (self.kernel.firewall.networks, self.kernel.firewall.endpoints),
            "ports": self.kernel.ports.taken(),
        }

    def open_subnets(self) -> list[str]:
        """Return the subnets that are open in the backend."""
        with self.bitmap._database.read() as connection:
            return [cidr for (cidr,) in connection.execute("SELECT cidr FROM subnets ORDER BY 1")]
