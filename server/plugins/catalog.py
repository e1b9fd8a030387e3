"""Finding plugins: built-in ones and others come in by the same door, one entry point each.

A plugin that cannot be used is refused with its reason, which ListDrivers and ListBackends show; it
never stops the daemon. pluggy's own loader stops at the first broken entry point, so each is loaded
by itself here, into one PluginManager a kind.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Generic, Protocol, TypeVar

import pluggy
import structlog

from mynet.drivers import api as drivers
from mynet.drivers import hookspecs as driver_hooks
from mynet.drivers.errors import DriverError
from mynet.ipam import api as ipam
from mynet.ipam import hookspecs as ipam_hooks
from mynet.ipam.errors import IpamError, StoreDamaged, StoreUnavailable
from mynet.server.calls.call import Call
from mynet.server.errors import BackendNotFound, DriverNotFound, NotFound
from mynet.server.plugins.executor import PluginExecutor
from mynet.server.plugins.timeouts import PATIENCE, within

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Info(Protocol):
    """What both kinds of plugin say of themselves."""

    @property
    def name(self) -> str:
        """The plugin's name, which is its entry point's."""

    @property
    def api_version(self) -> int:
        """The version of the contract that it was written for."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What it can do beyond the contract's minimum."""


class Implementation(Protocol):
    """What the daemon itself needs of a plugin of either kind."""

    @property
    def info(self) -> Info:
        """What it says of itself."""

    def close(self) -> None:
        """Let go of files, sockets and threads."""


P = TypeVar("P", bound=Implementation)
A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[P]):
    """A kind of plugin: its door, its contract, and what its absence is called."""

    title: str
    group: str
    hookspecs: ModuleType
    hook: str
    contract: type[P]
    api_version: int
    error: type[Exception]
    missing: type[NotFound]
    context: Callable[[str, Path], object]


DRIVERS: Kind[drivers.Driver] = Kind(
    title="driver",
    group=driver_hooks.GROUP,
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
    group=ipam_hooks.GROUP,
    hookspecs=ipam_hooks,
    hook="mynet_ipam_backend",
    contract=ipam.Backend,  # type: ignore[type-abstract]  # for isinstance, not to be called
    api_version=ipam.API_VERSION,
    error=IpamError,
    missing=BackendNotFound,
    context=ipam.BackendContext,
)


class Plugin(Generic[P]):
    """A plugin that can be used, and the pool that its verbs run on."""

    def __init__(self, name: str, implementation: P, pool: PluginExecutor) -> None:
        self.name = name
        self.implementation = implementation
        self._pool = pool

    def run(
        self, call: Call, verb: Callable[[P, Call, A], T], request: A, *, subject: str = ""
    ) -> T:
        """Run a verb of the contract, such as ``Driver.connect``, on the plugin's pool.

        Never two at a time for one ``subject``. Raises what
        :meth:`~mynet.server.plugins.executor.PluginExecutor.run` does.
        """
        method: Callable[[Call, A], T] = getattr(self.implementation, verb.__name__)
        return self._pool.run(call, verb.__name__, subject, lambda: method(call, request))

    def close(self, seconds: float) -> bool:
        """Stop the plugin; say whether it stopped in time. What it raises then is logged."""
        deadline = time.monotonic() + seconds
        if not self._pool.close(seconds):
            return False
        try:
            within(max(0.0, deadline - time.monotonic()), self.implementation.close)
        except TimeoutError:
            return False
        except (Exception, SystemExit):  # a plugin may break in any way it likes
            log.exception("plugin broke while it was closed", plugin=self.name)
        return True


@dataclass(frozen=True, slots=True)
class CatalogEntry(Generic[P]):
    """A plugin that was found; either ``plugin`` is set or ``error`` says why it is refused."""

    name: str
    distribution: str
    version: str
    plugin: Plugin[P] | None = None
    error: str = ""


class Catalog(Generic[P]):
    """All plugins of one kind that were found on this host, by name."""

    def __init__(self, kind: Kind[P], listings: Sequence[CatalogEntry[P]]) -> None:
        self._kind = kind
        self._listings = sorted(listings, key=lambda listing: listing.name)
        self._usable = {each.name: each.plugin for each in listings if each.plugin}
        self._refused = {each.name: each.error for each in listings if each.error}

    def __iter__(self) -> Iterator[CatalogEntry[P]]:
        """Iterate over all of them, the refused ones too."""
        return iter(self._listings)

    def usable(self) -> Sequence[Plugin[P]]:
        """Return those that work."""
        return tuple(self._usable.values())

    def get(self, name: str) -> Plugin[P]:
        """Return a plugin that works. Raises DriverNotFound or BackendNotFound."""
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
        """Stop all plugins; say whether all of them stopped in time."""
        stopped = [
            plugin.close(seconds) for plugin in self.usable()
        ]  # each, whatever the others do
        return all(stopped)


def load(kind: Kind[P], instance: str, state_dir: Path, patience: float = PATIENCE) -> Catalog[P]:
    """Load every plugin of a kind; each gets a folder of its own below ``state_dir``.

    One that takes longer than ``patience`` seconds is refused, as one that breaks is.
    Raises StoreDamaged and StoreUnavailable where a plugin's books cannot be read.
    """
    manager = pluggy.PluginManager(kind.group)
    manager.add_hookspecs(kind.hookspecs)
    listings: list[CatalogEntry[P]] = []
    for point in sorted(entry_points(group=kind.group), key=_built_in_first):
        listing: CatalogEntry[P] = CatalogEntry(
            name=point.name,
            distribution=point.dist.name if point.dist else "",
            version=point.dist.version if point.dist else "",
        )
        try:
            for other in listings:
                _refuse_taken(listing, other)
            one = partial(_load_one, kind, manager, point, instance, state_dir / point.name)
            plugin = _in_time(patience, one)
        except (StoreDamaged, StoreUnavailable):
            raise  # books that cannot be read are no reason to go on without them
        except (Exception, SystemExit) as error:  # a plugin may break in any way it likes
            log.exception("plugin refused", kind=kind.title, plugin=point.name)
            listings.append(replace(listing, error=f"{type(error).__name__}: {error}"))
        else:
            log.info("plugin loaded", kind=kind.title, plugin=point.name)
            listings.append(replace(listing, plugin=plugin))
    return Catalog(kind, listings)


def _built_in_first(point: EntryPoint) -> tuple[bool, str, str]:
    """Order entry points so that nobody takes a built-in's name, and every start is the same."""
    distribution = point.dist.name if point.dist else ""
    return (distribution != "mynetd", distribution, point.name)


def _refuse_taken(listing: CatalogEntry[P], other: CatalogEntry[P]) -> None:
    if listing.name == other.name:
        raise ValueError(
            f"the name {listing.name!r} is taken by {other.distribution}; uninstall one of the two"
        )


def _in_time(patience: float, load_one: Callable[[], Plugin[P]]) -> Plugin[P]:
    try:
        return within(patience, load_one)
    except TimeoutError as error:
        raise TimeoutError(
            f"it was not loaded within {patience:g} s; look for what it waits for, and restart"
            " mynetd"
        ) from error


def _load_one(
    kind: Kind[P], manager: pluggy.PluginManager, point: EntryPoint, instance: str, folder: Path
) -> Plugin[P]:
    door = point.load()
    manager.register(door, name=point.name)
    others = [plugin for plugin in manager.get_plugins() if plugin is not door]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = manager.subset_hook_caller(kind.hook, others)(context=kind.context(instance, folder))
    if not isinstance(made, kind.contract):
        raise TypeError(f"its hook {kind.hook} returned {made!r}, which is no {kind.title}")
    info = made.info
    _require_sound(info)
    if info.name != point.name:
        raise ValueError(f"it calls itself {info.name!r}; the entry point must have that name")
    if info.api_version != kind.api_version:
        raise ValueError(
            f"it was written for version {info.api_version} of the contract, and this mynetd has"
            f" version {kind.api_version}; install a release of it that fits"
        )
    name = f"{kind.title} {info.name}"
    return Plugin(info.name, made, PluginExecutor(name, kind.error))


def _require_sound(info: Info) -> None:
    """Refuse what would only be found out when somebody lists the plugins."""
    if not all(isinstance(each, str) for each in info.capabilities):
        raise TypeError(f"its info.capabilities are {info.capabilities!r}, not texts")
    for field in ("options", "endpoint_options"):
        options = getattr(info, field, ())
        if not all(isinstance(each, drivers.Option) for each in options):
            raise TypeError(f"its info.{field} are {options!r}, not of mynet.drivers.api.Option")
