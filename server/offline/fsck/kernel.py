"""Comparing the kernel with the records of a state directory.

The drivers are loaded and asked as the daemon does it, and nothing is changed. What belongs to an
interrupted call is not a finding, because the record says that the call was under way. Each finding
says whether the next start repairs it.
"""

import shutil
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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

_CLOSE_TIMEOUT = 1.0  # seconds
_NOT = "the kernel was not compared"


@dataclass(slots=True)
class Comparison:
    """The result of a comparison."""

    # What is wrong, a sentence each.
    findings: list[str] = field(default_factory=list)
    # What could not be compared, and why, a sentence each.
    remarks: list[str] = field(default_factory=list)
    # Whether all drivers have ended. The thread of a hung driver would keep the process alive.
    ended: bool = True

    def remark(self, remark: str) -> None:
        """Add a remark, once."""
        if remark not in self.remarks:
            self.remarks.append(remark)


def compare_kernel(state_dir: Path, report: Report, patience: float) -> Comparison:
    """Compare the kernel with records that were checked, if the state origin is here.

    A driver may hang for ``patience`` seconds, once.
    """
    result = Comparison()
    if why := "the databases cannot be read" if not report.whole else why_elsewhere(state_dir):
        result.remark(f"{_NOT}: {why}")
        return result
    with _copied(state_dir / "drivers") as folder:
        try:
            catalog = load_plugins(DRIVERS, report.instance, folder, patience)
        except IpamError as error:
            result.remark(f"{_NOT}: {error}")
        else:
            compare(result, report.records, catalog, LinuxKernel(), patience)
            result.ended = catalog.close(_CLOSE_TIMEOUT)
    return result


@contextmanager
def _copied(folder: Path) -> Iterator[Path]:
    """Copy the files of drivers, because a driver may change its files when it is loaded."""

    def special(where: str, names: list[str]) -> list[str]:
        modes = {name: (Path(where) / name).lstat().st_mode for name in names}
        return [
            name for name, mode in modes.items() if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
        ]

    with TemporaryDirectory(prefix="mynet-fsck-", ignore_cleanup_errors=True) as copy:
        if folder.is_dir():
            shutil.copytree(folder, Path(copy) / "drivers", ignore=special)
        yield Path(copy) / "drivers"


def compare(
    result: Comparison, records: Records, catalog: Catalog[Driver], host: Host, patience: float
) -> None:
    """Compare the kernel with the records, driver by driver."""
    sandboxes = _sandboxes(result, records, host)
    endpoints: dict[str, list[Endpoint]] = {}
    for endpoint in records.endpoints.values():
        endpoints.setdefault(endpoint.network_id, []).append(endpoint)
    names = {driver.name for driver in catalog.usable()}
    names |= {network.spec.driver for network in records.networks.values()}
    for name in sorted(names):
        try:
            driver = catalog.get(name)
        except DriverNotFound as error:
            result.remark(f"{_NOT} by driver {name}: {error}")
        else:
            _DriverComparison(
                result, records, endpoints, driver, patience, UnresponsivePlugins()
            ).compare(sandboxes)


def _sandboxes(result: Comparison, records: Records, host: Host) -> Mapping[int, str] | None:
    """Return a path to each living sandbox, by cookie, or None if the kernel cannot tell."""
    here = boot_id()
    sandboxes = [
        endpoint.place.sandbox
        for endpoint in records.endpoints.values()
        if endpoint.place.sandbox and endpoint.boot_id == here
    ]
    try:
        return host.sandboxes.locate(sandboxes)
    except DriverError as error:
        result.remark(f"the kernel was not compared with endpoints: {error}")
        return None


@dataclass(frozen=True, slots=True)
class _DriverComparison:
    """The comparison with the help of one driver."""

    result: Comparison
    records: Records
    # The endpoints on record, by the ids of their networks.
    endpoints: Mapping[str, Sequence[Endpoint]]
    driver: Plugin[Driver]
    patience: float
    # Has the driver once it has not answered in time.
    unresponsive: UnresponsivePlugins

    def compare(self, sandboxes: Mapping[int, str] | None) -> None:
        networks = [
            network
            for network in self.records.networks.values()
            if network.spec.driver == self.driver.name
        ]
        for network in networks:
            if network.state is NetworkState.READY:
                self._network(network)
            for endpoint in self.endpoints.get(network.id, ()):
                if endpoint.is_ready_on(network) and sandboxes is not None:
                    self._endpoint(network, endpoint, sandboxes)
        for orphan in self._ask(Driver.orphans, {*self.records.networks, *self.records.endpoints}):
            why = "which another interface has, too" if orphan.is_copy else "which is not on record"
            self._find(
                f"{orphan.name} carries the mark of {orphan.id[:12]}, {why}.",
                "If nothing needs it, delete it (ip link delete)."
                if orphan.in_use
                else "The next start removes it.",
            )
        for difference in self._ask(Driver.audit, self._expected(networks)):
            self._find(difference, "The next start repairs it.")

    def _network(self, network: Network) -> None:
        if differences := self._ask(Driver.check_network, network.for_driver()):
            self._find(
                f"network {network.name}: {' '.join(differences)}", "The next start repairs it."
            )

    def _endpoint(self, network: Network, endpoint: Endpoint, sandboxes: Mapping[int, str]) -> None:
        """Compare an endpoint at the path that its sandbox has now."""
        if endpoint.is_out_of_reach(boot_id(), sandboxes):
            self._out_of_reach(network, endpoint)
            return
        if reason := endpoint.why_gone(boot_id(), sandboxes):
            self._find(f"{endpoint.display_name}: {reason}", "The next start removes it.")
            return
        remedy = (
            "The next start repairs it as far as it is the network's. For the rest, disconnect it"
            " and connect it again: its interface belongs to its caller."
        )
        if sandbox := endpoint.place.sandbox:
            there = replace(sandbox, path=sandboxes[sandbox.cookie])
            endpoint = replace(endpoint, place=replace(endpoint.place, sandbox=there))
            remedy = "The next start repairs it."
        if differences := self._ask(Driver.check, endpoint.for_driver(network)):
            self._find(f"{endpoint.display_name}: {' '.join(differences)}", remedy)

    def _out_of_reach(self, network: Network, endpoint: Endpoint) -> None:
        """Compare what is outside a sandbox that no path leads to, if the sandbox lives."""
        outside = replace(endpoint.for_driver(network), reachable=False)
        if endpoint.id not in self._ask(Driver.living, [outside]):
            reason = endpoint.why_gone(boot_id(), ())
            self._find(f"{endpoint.display_name}: {reason}", "The next start removes it.")
        elif differences := self._ask(Driver.check, outside):
            problem = f"{endpoint.display_name}: {' '.join(differences)}"
            self._find(problem, "The next start repairs it.")

    def _expected(self, networks: Sequence[Network]) -> ExpectedState:
        """Return the records that must be in the kernel, and those that may be."""
        standing, unfinished = [], []
        for network in networks:
            endpoints = self.endpoints.get(network.id, ())
            ready = [endpoint for endpoint in endpoints if endpoint.is_ready_on(network)]
            half = [endpoint for endpoint in endpoints if not endpoint.is_ready_on(network)]
            if network.state is NetworkState.READY:
                standing.append(with_endpoints(network, ready))
            if network.state is not NetworkState.READY or half:
                unfinished.append(with_endpoints(network, half))
        return ExpectedState(standing, unfinished)

    def _ask(self, verb: Callable[[Driver, Call, A], Collection[T]], request: A) -> Collection[T]:
        """Return what the driver answers. An error is a remark, and the answer then empty."""
        if f"driver {self.driver.name}" in self.unresponsive:
            return ()
        try:
            return self.driver.run(Call.internal(self.patience, self.unresponsive), verb, request)
        except PluginTimeout:
            why = f"it did not answer {verb.__name__} within {self.patience:g} s"
        except (DriverError, MynetError) as error:
            why = str(error)
        self.result.remark(f"{_NOT} in full by driver {self.driver.name}: {why}")
        return ()

    def _find(self, problem: str, remedy: str) -> None:
        self.result.findings.append(f"kernel: {problem} {remedy}")
