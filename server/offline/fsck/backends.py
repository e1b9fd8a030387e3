"""Checking the files of plugins: by the plugin if it can, otherwise as plain databases."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pluggy

from mynet.ipam import hookspecs
from mynet.ipam.api import Audit, BackendContext, Holdings
from mynet.ipam.sqlite.inspection import inspected
from mynet.server.plugins.executor import within


@dataclass(frozen=True, slots=True)
class PluginFiles:
    """The result of checking a folder or a file of a plugin."""

    # What is wrong, a sentence each.
    findings: Sequence[str] = ()
    # The allocations, if a backend has listed them.
    holdings: Sequence[Holdings] = ()
    # Whether everything could be read.
    whole: bool = True
    # The backend that has checked the files, or "".
    backend: str = ""
    # Why the files were not checked in full, or "".
    remark: str = ""


def check_plugins(state_dir: Path, instance: str, patience: float) -> Mapping[str, PluginFiles]:
    """Check the files of all plugins; return the results by path in the state directory.

    Each backend may take ``patience`` seconds.
    """
    results: dict[str, PluginFiles] = {}
    backends = {point.name: point for point in entry_points(group=hookspecs.GROUP)}
    for name, point in sorted(backends.items()):
        context = BackendContext(instance, state_dir / "ipam" / name)
        if (files := _ask_backend(point, context, patience)) is not None:
            results[f"ipam/{name}"] = files
    for folder in sorted([*state_dir.glob("ipam/*/"), *state_dir.glob("drivers/*/")]):
        where = str(folder.relative_to(state_dir))
        if where not in results or not results[where].backend:
            results.update(_check_databases(state_dir, folder))
    return results


def _ask_backend(point: EntryPoint, context: BackendContext, patience: float) -> PluginFiles | None:
    """Return the result of a backend's own check, or None if it has no such hook."""

    def ask() -> object:
        manager = pluggy.PluginManager(hookspecs.GROUP)
        manager.add_hookspecs(hookspecs)
        manager.register(point.load())
        return manager.hook.mynet_ipam_audit(context=context)

    try:
        found = within(patience, ask)
        if found is None:
            return None
        if not isinstance(found, Audit):
            raise TypeError(f"its hook returned {found!r}, which is not an Audit")  # noqa: TRY301
    except TimeoutError:
        remark = f"backend {point.name} did not check its databases within {patience:g} s"
        return PluginFiles(remark=remark)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
        remark = (
            f"backend {point.name} could not check its databases: {type(error).__name__}: {error}"
        )
        return PluginFiles(remark=remark)
    return PluginFiles(found.findings, found.holdings, found.complete, backend=point.name)


def _check_databases(state_dir: Path, folder: Path) -> Iterator[tuple[str, PluginFiles]]:
    """Yield the results for the databases in a folder, whose tables only the plugin knows."""
    for path in sorted(folder.rglob("*.db")):
        with inspected(path) as inspection:
            remark = "checked as a database only: its plugin does not say what is in it"
            name = str(path.relative_to(state_dir))
            yield name, PluginFiles(inspection.findings, whole=inspection.complete, remark=remark)
