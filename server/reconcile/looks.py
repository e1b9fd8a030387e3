"""What an examination cannot see in the records: packets, notes, and drivers that do not look."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mynet.drivers.api import Driver, Probe
from mynet.server.calls.call import Call
from mynet.server.model.endpoints import with_endpoints
from mynet.server.plugins.catalog import Catalog, Plugin
from mynet.server.reconcile.findings import Examination
from mynet.server.reconcile.snapshot import Snapshot

_PROBE_TIMEOUT: Final = 30.0  # seconds for the packets of one driver


@dataclass(frozen=True, slots=True)
class Looks:
    """Asks each driver for what only the driver knows."""

    drivers: Catalog[Driver]

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
            networks = [
                with_endpoints(network, snapshot.ready_endpoints.get(network.id, ()))
                for network in snapshot.ready_networks_of(driver.name)
            ]
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
