"""The plugins of this host by name, and how the core runs their verbs."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeAlias, TypeVar

import structlog

from mynet.drivers import api as drivers
from mynet.drivers import hookspecs as driver_hooks
from mynet.drivers.errors import DriverError
from mynet.ipam import api as ipam
from mynet.ipam import hookspecs as ipam_hooks
from mynet.ipam.errors import IpamError
from mynet.server.calls.call import Call
from mynet.server.errors import BackendNotFound, DriverNotFound, NotFound
from mynet.server.plugins.executor import PluginExecutor, within

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


Info: TypeAlias = drivers.DriverInfo | ipam.BackendInfo

P = TypeVar("P", bound=drivers.Driver | ipam.Backend)
A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[P]):
    """A kind of plugin."""

    # The word for it in messages.
    title: str
    # The module that declares the group of its entry points and its hook, and that hook's name.
    hookspecs: ModuleType
    hook: str
    # The class that a plugin derives from, and its version.
    contract: type[P]
    api_version: int
    # The base of the contract's errors.
    error: type[Exception]
    # The error for a plugin that is not installed.
    missing: type[NotFound]
    # Makes the hook's argument of the daemon's instance and the plugin's directory.
    context: Callable[[str, Path], object]


DRIVERS: Kind[drivers.Driver] = Kind(
    title="driver",
    hookspecs=driver_hooks,
    hook="mynet_driver",
    contract=drivers.Driver,  # type: ignore[type-abstract]  # for isinstance, not to be called
    api_version=drivers.API_VERSION,
    error=DriverError,
    missing=DriverNotFound,
    context=drivers.DriverContext,
)
BACKENDS: Kind[ipam.Backend] = Kind(
    title="backend",
    hookspecs=ipam_hooks,
    hook="mynet_ipam_backend",
    contract=ipam.Backend,  # type: ignore[type-abstract]  # for isinstance, not to be called
    api_version=ipam.API_VERSION,
    error=IpamError,
    missing=BackendNotFound,
    context=ipam.BackendContext,
)


@dataclass(frozen=True, slots=True)
class Plugin(Generic[P]):
    """A loaded plugin, and the executor that its verbs run on."""

    name: str
    implementation: P
    executor: PluginExecutor

    def run(
        self, call: Call, verb: Callable[[P, Call, A], T], request: A, *, subject: str = ""
    ) -> T:
        """Run a verb of the contract, such as ``Driver.connect``, and return its result.

        Two verbs never run at a time for one ``subject``. Raises what
        :meth:`~mynet.server.plugins.executor.PluginExecutor.run` does.
        """
        method: Callable[[Call, A], T] = getattr(self.implementation, verb.__name__)
        return self.executor.run(call, verb.__name__, subject, lambda: method(call, request))

    def close(self, seconds: float) -> bool:
        """Stop the plugin and return whether it stopped in time. What it raises is logged."""
        deadline = time.monotonic() + seconds
        if not self.executor.close(seconds):
            return False
        try:
            within(max(0.0, deadline - time.monotonic()), self.implementation.close)
        except TimeoutError:
            return False
        except (Exception, SystemExit):  # a plugin may break in any way
            log.exception("plugin broke while it was closed", plugin=self.name)
        return True


@dataclass(frozen=True, slots=True)
class CatalogEntry(Generic[P]):
    """A plugin that was found on this host, loaded or refused."""

    name: str
    distribution: str
    version: str
    # None where the plugin was refused.
    plugin: Plugin[P] | None = None
    # Why the plugin was refused.
    error: str = ""


class Catalog(Generic[P]):
    """All plugins of one kind that were found on this host."""

    def __init__(self, kind: Kind[P], entries: Sequence[CatalogEntry[P]]) -> None:
        self._kind = kind
        self._entries = sorted(entries, key=lambda entry: entry.name)
        self._usable = {entry.name: entry.plugin for entry in entries if entry.plugin}
        self._refused = {entry.name: entry.error for entry in entries if entry.error}

    def __iter__(self) -> Iterator[CatalogEntry[P]]:
        """Iterate over all plugins by name, the refused ones too."""
        return iter(self._entries)

    def usable(self) -> Sequence[Plugin[P]]:
        """Return the plugins that were loaded."""
        return tuple(self._usable.values())

    def get(self, name: str) -> Plugin[P]:
        """Return a loaded plugin. Raises DriverNotFound or BackendNotFound."""
        if plugin := self._usable.get(name):
            return plugin
        wanted = f"{self._kind.title} {name}"
        if reason := self._refused.get(name):
            raise self._kind.missing(f"{wanted} was refused at start: {reason}", resource=wanted)
        raise self._kind.missing(
            f"there is no {wanted} on this host (there is: {', '.join(self._usable) or 'none'});"
            " install the distribution that brings it and restart mynetd",
            resource=wanted,
        )

    def close(self, seconds: float) -> bool:
        """Stop all plugins and return whether all of them stopped in time."""
        # A list, so that one timeout does not keep the others from being closed.
        stopped = [plugin.close(seconds) for plugin in self.usable()]
        return all(stopped)
