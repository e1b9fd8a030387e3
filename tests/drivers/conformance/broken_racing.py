"""Drivers that each break a claim about threads, or about what is left of a driver."""

import os
import threading
from collections.abc import Callable, Collection
from typing import ClassVar

from mynet.drivers.api import Call, Endpoint
from mynet.drivers.errors import KernelError
from tests.drivers.conformance.sound import Broken, SoundDriver, noting

BROKEN: Broken = []
breaks = noting(BROKEN)


@breaks("closing lets go of descriptors and threads")
class LeaksDescriptors(SoundDriver):
    opened: ClassVar[list[int]] = []

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, endpoint)
        self.opened.append(os.open("/dev/null", os.O_RDONLY))


@breaks("closing lets go of descriptors and threads")
class LeaksThreads(SoundDriver):
    end: ClassVar = threading.Event()
    started: ClassVar[list[threading.Thread]] = []

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        super().connect(call, endpoint)
        self.started.append(threading.Thread(target=self.end.wait))
        self.started[-1].start()


@breaks("closing lets go of descriptors and threads")
class WatchesForEver(LeaksThreads):
    def connect(self, call: Call, endpoint: Endpoint) -> None:
        SoundDriver.connect(self, call, endpoint)

    def watch(self, call: Call, alarm: Callable[[Collection[str]], None]) -> None:
        self.started.append(threading.Thread(target=self.end.wait))
        self.started[-1].start()


@breaks("many threads connect at once")
class TakesOneAtATime(SoundDriver):
    together: ClassVar = threading.Barrier(2)

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        if endpoint.network.name == "conformance-2":  # which this claim alone makes
            self.together.wait(timeout=10)
            raise KernelError("two at once")
        super().connect(call, endpoint)
