"""Finding and loading plugins. Built-in plugins and others have one entry point each.

A plugin that cannot be used is refused with a reason, which ListDrivers and ListBackends show. It
never stops the daemon. pluggy's own loader stops at the first broken entry point, so each is loaded
by itself here, into one PluginManager for each kind.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pluggy
import structlog

from mynet.drivers.api import Option
from mynet.ipam.errors import StoreDamaged, StoreUnavailable
from mynet.server.plugins.catalog import Catalog, CatalogEntry, Info, Kind, P, Plugin
from mynet.server.plugins.executor import PATIENCE, PluginExecutor, within

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def load_plugins(
    kind: Kind[P], instance: str, state_dir: Path, patience: float = PATIENCE
) -> Catalog[P]:
    """Load every plugin of a kind, each with a directory of its own below ``state_dir``.

    A plugin that takes longer than ``patience`` seconds is refused, and so is a plugin that raises.
    Raises StoreDamaged and StoreUnavailable where a plugin's files cannot be read.
    """
    manager = pluggy.PluginManager(kind.hookspecs.GROUP)
    manager.add_hookspecs(kind.hookspecs)
    entries: list[CatalogEntry[P]] = []
    for point in sorted(entry_points(group=kind.hookspecs.GROUP), key=_built_in_first):
        entry: CatalogEntry[P] = CatalogEntry(
            name=point.name,
            distribution=point.dist.name if point.dist else "",
            version=point.dist.version if point.dist else "",
        )
        try:
            for other in entries:
                _refuse_taken(entry, other)
            load = partial(_load, kind, manager, point, instance, state_dir / point.name)
            plugin = _in_time(patience, load)
        except (StoreDamaged, StoreUnavailable):
            raise  # the daemon must not start with a part of its addresses
        except (Exception, SystemExit) as error:  # a plugin may break in any way
            log.exception("plugin refused", kind=kind.title, plugin=point.name)
            entries.append(replace(entry, error=f"{type(error).__name__}: {error}"))
        else:
            log.info("plugin loaded", kind=kind.title, plugin=point.name)
            entries.append(replace(entry, plugin=plugin))
    return Catalog(kind, entries)


def _built_in_first(point: EntryPoint) -> tuple[bool, str, str]:
    """Return a key that sorts built-ins first, so that no other plugin takes their names."""
    distribution = point.dist.name if point.dist else ""
    return (distribution != "mynetd", distribution, point.name)


def _refuse_taken(entry: CatalogEntry[P], other: CatalogEntry[P]) -> None:
    if entry.name == other.name:
        raise ValueError(
            f"the name {entry.name!r} is taken by {other.distribution}; uninstall one of the two"
        )


def _in_time(patience: float, load: Callable[[], Plugin[P]]) -> Plugin[P]:
    try:
        return within(patience, load)
    except TimeoutError as error:
        raise TimeoutError(
            f"it was not loaded within {patience:g} s; look for what it waits for, and restart"
            " mynetd"
        ) from error


def _load(
    kind: Kind[P], manager: pluggy.PluginManager, point: EntryPoint, instance: str, folder: Path
) -> Plugin[P]:
    module = point.load()
    manager.register(module, name=point.name)
    others = [plugin for plugin in manager.get_plugins() if plugin is not module]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = manager.subset_hook_caller(kind.hook, others)(context=kind.context(instance, folder))
    if not isinstance(made, kind.contract):
        raise TypeError(f"its hook {kind.hook} returned {made!r}, which is not a {kind.title}")
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
    """Raise TypeError for what would otherwise break the first call that lists the plugins."""
    if not all(isinstance(capability, str) for capability in info.capabilities):
        raise TypeError(f"its info.capabilities are {info.capabilities!r}, not texts")
    for field in ("options", "endpoint_options"):
        options = getattr(info, field, ())
        if not all(isinstance(option, Option) for option in options):
            raise TypeError(f"its info.{field} are {options!r}, not of mynet.drivers.api.Option")
