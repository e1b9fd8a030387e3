"""The built-in driver and backend with faults: a file in the plugin's folder makes a verb fail.

A verb waits while there is a file ``hang-VERB``, and raises where there is ``raise-VERB``. With
``late-`` in front of the name it does so when its work is done. The file ``hangs-VERB`` is there
while a call of the verb waits.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mynet.drivers.api import Driver, DriverContext
from mynet.drivers.bridge import BridgeDriver
from mynet.drivers.hookspecs import hookimpl as driver_hook
from mynet.drivers.linux.firewall.firewall import Firewall
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.values.ports import Forward
from mynet.ipam.api import Backend, BackendContext
from mynet.ipam.bitmap import mynet_ipam_backend as make_backend
from mynet.ipam.hookspecs import hookimpl as backend_hook


class NoFirewall(Firewall):
    """A firewall that leaves the tables alone, which are the built-in driver's.

    So the endpoints of this driver can send nothing.
    """

    def load(self, *_: object) -> None:
        pass

    def add(self, *_: object) -> None:
        pass

    def remove(self, *_: object) -> None:
        pass

    def add_endpoint(self, *_: object) -> None:
        pass

    def remove_endpoint(self, *_: object) -> None:
        pass

    def missing_forwards(self, *_: object) -> Sequence[Forward]:
        return ()

    def missing_guard(self, *_: object) -> Sequence[str]:
        return ()

    def unexpected(self, *_: object) -> Sequence[str]:
        return ()


class Unfiltered(LinuxKernel):
    """The kernel without the firewall's tables."""

    def __init__(self) -> None:
        super().__init__()
        self.firewall = NoFirewall()


def faulty(contract: type, inner: Any, folder: Path) -> Any:
    """Return an object of the contract that calls ``inner`` and fails where it is told to."""

    def fail_if_told(when: str, verb: str) -> None:
        if (folder / f"{when}raise-{verb}").exists():
            raise RuntimeError("the rope is torn")
        while (folder / f"{when}hang-{verb}").exists():
            (folder / f"hangs-{verb}").touch()
            time.sleep(0.01)

    def with_faults(verb: str) -> Callable[..., Any]:
        def work(_self: object, *arguments: Any) -> Any:
            try:
                fail_if_told("", verb)
                result = getattr(inner, verb)(*arguments)
                fail_if_told("late-", verb)
            finally:
                (folder / f"hangs-{verb}").unlink(missing_ok=True)
            return result

        return work

    verbs = {name: with_faults(name) for name in dir(contract) if name[0] != "_" and name != "info"}
    info = property(lambda _: replace(inner.info, name="faulty"))
    return type("Faulty", (contract,), {**verbs, "info": info})()


@driver_hook
def mynet_driver(context: DriverContext) -> Driver:
    driver: Driver = faulty(Driver, BridgeDriver(context, Unfiltered()), context.state_dir)
    return driver


@backend_hook
def mynet_ipam_backend(context: BackendContext) -> Backend:
    backend: Backend = faulty(Backend, make_backend(context), context.state_dir)
    return backend
