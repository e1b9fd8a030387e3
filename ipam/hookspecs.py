"""The door that IPAM backends come in by: one pluggy hook, in entry-point group ``mynet.ipam``.

The entry point names a module or object with the hook; its name is the backend's::

    [project.entry-points."mynet.ipam"]
    bitmap = "mynet.ipam.bitmap"
"""

import pluggy

from mynet.ipam.api import Backend, BackendContext

GROUP = "mynet.ipam"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec(firstresult=True)
def mynet_ipam_backend(context: BackendContext) -> Backend:  # type: ignore[empty-body]
    """Make the backend. Raising refuses it: the daemon goes on without, ListBackends says why.

    But StoreDamaged and StoreUnavailable keep the daemon from starting: addresses that are on
    record somewhere must not be handed out by somebody who cannot read that record.
    """
