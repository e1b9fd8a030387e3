"""What plugins keep: checked by the plugin where it offers that, else as plain databases."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pluggy

from mynet.ipam import hookspecs
from mynet.ipam.api import Audit, BackendContext, Holdings
from mynet.ipam.sqlite.inspection import inspected
from mynet.server.plugins.timeouts import within


@dataclass(frozen=True, slots=True)
class Book:
    """What a folder or a file of a plugin's was found to be.

    ``backend`` is who says what it holds; "" where nobody does.
    """

    findings: Sequence[str] = ()
    holdings: Sequence[Holdings] = ()
    whole: bool = True
    backend: str = ""
    remark: str = ""


def audited(state_dir: Path, instance: str, patience: float) -> Mapping[str, Book]:
    """Check what all plugins keep; return what was found, by a path in the state directory.

    Each of them may take ``patience`` seconds.
    """
    books: dict[str, Book] = {}
    backends = {point.name: point for point in entry_points(group=hookspecs.GROUP)}
    for name, point in sorted(backends.items()):
        context = BackendContext(instance, state_dir / "ipam" / name)
        if (book := _asked(point, context, patience)) is not None:
            books[f"ipam/{name}"] = book
    for folder in sorted([*state_dir.glob("ipam/*/"), *state_dir.glob("drivers/*/")]):
        where = str(folder.relative_to(state_dir))
        if where not in books or not books[where].backend:
            books.update(_plain(state_dir, folder))
    return books


def _asked(point: EntryPoint, context: BackendContext, patience: float) -> Book | None:
    """Ask a backend for its books; None where it does not offer that."""

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
            raise TypeError(f"its hook returned {found!r}, which is no Audit")  # noqa: TRY301
    except TimeoutError:
        said = f"backend {point.name} did not check its books within {patience:g} s"
        return Book(remark=said)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may break in any way it likes
        said = f"backend {point.name} could not check its books: {type(error).__name__}: {error}"
        return Book(remark=said)
    return Book(found.findings, found.holdings, found.complete, backend=point.name)


def _plain(state_dir: Path, folder: Path) -> Iterator[tuple[str, Book]]:
    """Check the databases of a folder of which nobody here knows what they mean."""
    for path in sorted(folder.rglob("*.db")):
        with inspected(path) as inspection:
            remark = "checked as a database only: its plugin does not say what is in it"
            name = str(path.relative_to(state_dir))
            yield name, Book(inspection.findings, whole=inspection.complete, remark=remark)
