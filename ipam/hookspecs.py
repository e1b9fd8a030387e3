"""The pluggy hooks of IPAM backends, in entry-point group ``mynet.ipam``.

The entry point names a module or object with the hooks; its name is the backend's name::

    [project.entry-points."mynet.ipam"]
    bitmap = "mynet.ipam.bitmap"

A plugin must implement ``mynet_ipam_backend``. The other hook is optional.
"""

import pluggy

from mynet.ipam.api import Audit, Backend, BackendContext

GROUP = "mynet.ipam"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec(firstresult=True)
def mynet_ipam_backend(context: BackendContext) -> Backend:  # type: ignore[empty-body]
    """Return the backend. The daemon calls this once, when it starts.

    If it raises, the daemon goes on without the backend, and ListBackends shows the reason. But
    StoreDamaged and StoreUnavailable stop the start of the daemon: addresses that a file records as
    allocated must not be handed out by a backend that cannot read the file.
    """


@hookspec(firstresult=True)
def mynet_ipam_audit(context: BackendContext) -> Audit:  # type: ignore[empty-body]
    """Return a check of the files in ``context.state_dir``, for ``mynetd fsck``.

    Optional. No process has the files open. The hook must change nothing, not even by opening a
    file, and should go on after damage. If the files were never created, it returns no findings.
    :func:`mynet.ipam.sqlite.inspected` does half of this for a
    :class:`mynet.ipam.sqlite.Database`. For a backend without this hook, fsck checks the SQLite
    databases in its directory as such, and does not compare allocations with the daemon's records.
    """
