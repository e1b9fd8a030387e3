"""The kernel against the books: all on record is there, and nothing that is not.

It is asked by the drivers' own verbs, through the door that the daemon uses, and nothing is
changed. What a call had begun when the daemon died is on record as that, and no finding whatever
there is of it. All that is found is mended by the next start, or it is said who has to.
"""

import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from mynet.drivers.api import Driver, ExpectedState
from mynet.drivers.errors import DriverError
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.ipam.errors import IpamError
from mynet.server.calls.call import Call, UnresponsivePlugins
from mynet.server.errors import DriverNotFound, MynetError, PluginTimeout
from mynet.server.host import Host, boot_id
from mynet.server.model.endpoints import Endpoint, with_endpoints
from mynet.server.model.networks import Network, NetworkState
from mynet.server.offline.fsck import Report
from mynet.server.offline.fsck.records import Records
from mynet.server.plugins.catalog import DRIVERS, Catalog, Plugin
from mynet.server.plugins.loading import load_plugins
from mynet.server.state.origin import why_elsewhere

A = TypeVar("A")
T = TypeVar("T")

_ENDING = 1.0  # seconds for a driver to end that hangs in nothing
_NOT = "the kernel was not compared"


@dataclass(slots=True)
class Comparison:
    """What was found, and what could not be asked, a sentence each.

    ``ended`` is False where a driver hangs: a thread of it would keep this process for ever.
    """

    findings: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    ended: bool = True

    def remark(self, remark: str) -> None:
        """Note what could not be asked, once."""
        if remark not in self.remarks:
            self.remarks.append(remark)


def compare_kernel(state_dir: Path, report: Report, patience: float) -> Comparison:
    """Compare the kernel with books that were examined, where it is the one that they tell of.

    A driver may hang for ``patience`` seconds, once.
    """
    found = Comparison()
    if why := "the books cannot be read" if not report.whole else why_elsewhere(state_dir):
        found.remark(f"{_NOT}: {why}")
        return found
    with _copied(state_dir / "drivers") as folder:
        try:
            catalog = load_plugins(DRIVERS, report.instance, folder, patience)
        except IpamError as error:
            found.remark(f"{_NOT}: {error}")
        else:
            compare(found, report.records, catalog, LinuxKernel(), patience)
            found.ended = catalog.close(_ENDING)
    return found


@contextmanager
def _copied(folder: Path) -> Iterator[Path]:
    """Copy what drivers keep: what they do when they are made is nothing to do to the original."""

    def special(where: str, names: list[str]) -> list[str]:
        modes = {name: (Path(where) / name).lstat().st_mode for name in names}
        return [
            name for name, mode in modes.items() if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
        ]

    with TemporaryDirectory(prefix="mynet-fsck-", ignore_cleanup_errors=True) as made:
        if folder.is_dir():
            shutil.copytree(folder, Path(made) / "drivers", ignore=special)
        yield Path(made) / "drivers"


def compare(
    found: Comparison, records: Records, catalog: Catalog[Driver], host: Host, patience: float
) -> None:
    """Compare the kernel with what is on record, by each of the drivers."""
    sandboxes = _sandboxes(found, records, host)
    endpoints: dict[str, list[Endpoint]] = {}
    for endpoint in records.endpoints.values():
        endpoints.setdefault(endpoint.network_id, []).append(endpoint)
    names = {driver.name for driver in catalog.usable()}
    names |= {network.spec.driver for network in records.networks.values()}
    for name in sorted(names):
        try:
            driver = catalog.get(name)
        except DriverNotFound as error:
            found.remark(f"{_NOT} by driver {name}: {error}")
        else:
            _Look(found, records, endpoints, driver, patience, UnresponsivePlugins()).compare(
                sandboxes
            )


def _sandboxes(found: Comparison, records: Records, host: Host) -> Mapping[int, str] | None:
    """Find where the sandboxes are now, by their cookies; None where that cannot be seen."""
    here = boot_id()
    asked = [
        each.place.sandbox
        for each in records.endpoints.values()
        if each.place.sandbox and each.boot_id == here
    ]
    try:
        return host.sandboxes.locate(asked)
    except DriverError as error:
        found.remark(f"the kernel was not compared with endpoints: {error}")
        return None


@dataclass(frozen=True, slots=True)
class _Look:
    """What one driver sees. ``unresponsive`` has it, when it has not answered in time.

    ``endpoints`` are those on record, by the ids of their networks.
    """

    found: Comparison
    records: Records
    endpoints: Mapping[str, Sequence[Endpoint]]
    driver: Plugin[Driver]
    patience: float
    unresponsive: UnresponsivePlugins

    def compare(self, sandboxes: Mapping[int, str] | None) -> None:
        networks = [
            each for each in self.records.networks.values() if each.spec.driver == self.driver.name
        ]
        for network in networks:
            if network.state is NetworkState.READY:
                self._network(network)
            for endpoint in self.endpoints.get(network.id, ()):
                if endpoint.is_ready_on(network) and sandboxes is not None:
                    self._endpoint(network, endpoint, sandboxes)
        for orphan in self._ask(Driver.orphans, {*self.records.networks, *self.records.endpoints}):
            self._find(
                f"{orphan.name} carries the mark of {orphan.id[:12]}, of which there is no record.",
                "The next start removes it.",
            )
        for said in self._ask(Driver.audit, self._expected(networks)):
            self._find(said, "The next start mends it.")

    def _network(self, network: Network) -> None:
        if said := self._ask(Driver.check_network, network.for_driver()):
            self._find(f"network {network.name}: {' '.join(said)}", "The next start mends it.")

    def _endpoint(self, network: Network, endpoint: Endpoint, sandboxes: Mapping[int, str]) -> None:
        """Compare an endpoint where it is now; a sandbox may have another path than on record."""
        if why := endpoint.why_gone(boot_id(), sandboxes):
            self._find(f"{endpoint.display_name}: {why}", "The next start removes it.")
            return
        remedy = (
            "The next start mends it as far as it is the network's; for the rest, disconnect it and"
            " connect it again: its interface is its caller's."
        )
        if sandbox := endpoint.place.sandbox:
            there = replace(sandbox, path=sandboxes[sandbox.cookie])
            endpoint = replace(endpoint, place=replace(endpoint.place, sandbox=there))
            remedy = "The next start mends it."
        if said := self._ask(Driver.check, endpoint.for_driver(network)):
            self._find(f"{endpoint.display_name}: {' '.join(said)}", remedy)

    def _expected(self, networks: Sequence[Network]) -> ExpectedState:
        """Sort what is on record by whether it has to be there, or may be."""
        standing, unfinished = [], []
        for network in networks:
            endpoints = self.endpoints.get(network.id, ())
            whole = [each for each in endpoints if each.is_ready_on(network)]
            half = [each for each in endpoints if not each.is_ready_on(network)]
            if network.state is NetworkState.READY:
                standing.append(with_endpoints(network, whole))
            if network.state is not NetworkState.READY or half:
                unfinished.append(with_endpoints(network, half))
        return ExpectedState(standing, unfinished)

    def _ask(self, verb: Callable[[Driver, Call, A], Sequence[T]], request: A) -> Sequence[T]:
        """Ask the driver; what it cannot say is a remark, and nothing found."""
        if f"driver {self.driver.name}" in self.unresponsive:
            return ()
        try:
            return self.driver.run(Call.internal(self.patience, self.unresponsive), verb, request)
        except PluginTimeout:
            why = f"it did not answer {verb.__name__} within {self.patience:g} s"
        except (DriverError, MynetError) as error:
            why = str(error)
        self.found.remark(f"{_NOT} in full by driver {self.driver.name}: {why}")
        return ()

    def _find(self, problem: str, remedy: str) -> None:
        self.found.findings.append(f"kernel: {problem} {remedy}")
