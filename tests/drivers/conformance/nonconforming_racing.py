"""Drivers that each violate a claim about concurrent calls or close."""

import os
import threading
from collections.abc import Callable, Collection
from typing import ClassVar

from mynet.drivers.api import Call, Endpoint
from mynet.drivers.errors import KernelError
from tests.drivers.conformance.conforming import ConformingDriver, Nonconforming, noting

NONCONFORMING: Nonconforming = []
violates = noting(NONCONFORMING)


@violates("close releases descriptors and threads")
class LeaksDescriptors(ConformingDriver):
    opened: ClassVar[list[int]] = []

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, endpoint)
        self.opened.append(os.open("/dev/null", os.O_RDONLY))


@violates("close releases descriptors and threads")
class LeaksThreads(ConformingDriver):
    end: ClassVar = threading.Event()
    started: ClassVar[list[threading.Thread]] = []

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, endpoint)
        self.started.append(threading.Thread(target=self.end.wait))
        self.started[-1].start()


@violates("close releases descriptors and threads")
class WatchesForEver(LeaksThreads):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        ConformingDriver.connect(self, call, endpoint)

    def watch(self, call: Call, alarm: Callable[[Collection[str]], None]) -> None:
        self.started.append(threading.Thread(target=self.end.wait))
        self.started[-1].start()


@violates("connect and disconnect run concurrently")
class RefusesTwoAtOnce(ConformingDriver):
    together: ClassVar = threading.Barrier(2)

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        if endpoint.network.name == "conformance-2":  # only this claim makes it
            self.together.wait(timeout=10)
            raise KernelError("two at once")
        super().connect(call, endpoint)
