"""The door that IPAM backends come in by: pluggy hooks, in entry-point group ``mynet.ipam``.

The entry point names a module or object with the hook; its name is the backend's::

    [project.entry-points."mynet.ipam"]
    bitmap = "mynet.ipam.bitmap"

The first hook is what makes a backend; the others are for those who have more to offer.
"""

import pluggy

from mynet.ipam.api import Audit, Backend, BackendContext

GROUP = "mynet.ipam"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec(firstresult=True)
def mynet_ipam_backend(context: BackendContext) -> Backend:  # type: ignore[empty-body]
    """Make the backend. Raising refuses it: the daemon goes on without, ListBackends says why.

    But StoreDamaged and StoreUnavailable keep the daemon from starting: addresses that are on
    record somewhere must not be handed out by somebody who cannot read that record.
    """


@hookspec(firstresult=True)
def mynet_ipam_audit(context: BackendContext) -> Audit:  # type: ignore[empty-body]
    """Check the books in ``context.state_dir``, which nobody has open: for ``mynetd fsck``.

    Optional. It changes nothing, not by opening a file either, and goes on where something is
    damaged. Where the daemon never had the backend make its books, there is nothing to find.
    :func:`mynet.ipam.sqlite.inspected` does the half of it for a file of
    :class:`mynet.ipam.sqlite.Database`. Of a backend without this hook, the SQLite databases in its
    folder are checked as such, and who holds what is not compared with the daemon's own book.
    """
