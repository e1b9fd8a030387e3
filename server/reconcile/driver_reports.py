"""What drivers report of themselves: orphans, notes, and which packets were answered."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Final

from mynet.drivers.api import Driver, Probe
from mynet.server.calls.call import Call
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.reconcile.findings import Examination, Problem, removal
from mynet.server.reconcile.snapshot import Snapshot
from mynet.server.store import Store

_PROBE_TIMEOUT: Final = 30.0  # seconds for the packets of one driver


@dataclass(frozen=True, slots=True)
class DriverReports:
    """Asks each driver for what only the driver knows."""

    store: Store
    drivers: Catalog[Driver]

    def orphans(
        self, call: Call, driver: Plugin[Driver], known: AbstractSet[str]
    ) -> Iterator[Problem]:
        """Yield what a driver finds in the kernel with the daemon's mark and without a record.

        ``known`` has the ids on record, and may be out of date.
        """
        for orphan in driver.run(call, Driver.orphans, known):
            discard = removal(partial(driver.run, verb=Driver.discard, request=orphan))
            if orphan.is_copy:
                yield Problem(
                    orphan.name,
                    f"It carries the mark of {orphan.id[:12]}, and another interface does, too.",
                    None if orphan.in_use else discard,
                    "Packets pass it, so it is not removed: find out which program made it, then"
                    " delete it (ip link delete).",
                )
                continue
            # A call may have recorded it meanwhile.
            if not (self.store.networks.has(orphan.id) or self.store.endpoints.has(orphan.id)):
                yield Problem(
                    orphan.name,
                    f"It carries the mark of {orphan.id[:12]}, which is not on record.",
                    None if orphan.in_use else discard,
                    "A container may need it, so it is not removed: restore a backup that has the"
                    " record, or delete it (ip link delete) and connect the container again.",
                )

    def add_notes(self, examination: Examination, snapshot: Snapshot) -> None:
        """Note what drivers say of the host, and the networks that a driver does not compare."""
        for driver in self.drivers.usable():
            with examination.step(f"driver {driver.name}") as call:
                networks = [
                    network.for_driver() for network in snapshot.ready_networks_of(driver.name)
                ]
                examination.notes.extend(driver.run(call, Driver.notes, networks))
                if networks and not _overrides(driver, "check_network"):
                    words = f"it does not compare the devices of its {len(networks)} networks."
                    examination.unexamined.append(f"driver {driver.name}: {words}")

    def probe(self, call: Call, examination: Examination, snapshot: Snapshot) -> Iterator[Probe]:
        """Yield the packets that drivers have sent for their networks."""
        for driver in self.drivers.usable():
            networks = snapshot.for_driver(driver.name)
            if not networks:
                continue
            if not _overrides(driver, "probe"):
                words = f"driver {driver.name}: it sends no packets of its own."
                examination.unexamined.append(words)
                continue
            with examination.step(f"driver {driver.name}"):
                within = call.within(_PROBE_TIMEOUT)
                probes: Sequence[Probe] = driver.run(within, Driver.probe, networks)
                yield from probes


def _overrides(driver: Plugin[Driver], verb: str) -> bool:
    """Return whether a driver implements a verb that has a default."""
    return getattr(type(driver.implementation), verb) is not getattr(Driver, verb)
