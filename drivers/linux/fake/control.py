"""What tests control in the kernel in memory: where it fails, and what was called."""

import threading
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import ClassVar

from mynet.drivers.errors import KernelError


class Control:
    """What the subjects of one kernel share.

    ``lock`` guards everything, for the whole of each call: this kernel does one thing at a time.
    ``calls`` counts the calls of each method by its name, such as "links.attach".
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.calls: Counter[str] = Counter()
        self._failures: dict[str, tuple[int, Exception]] = {}

    def fail(self, point: str, error: Exception | None = None, *, times: int = 1) -> None:
        """Make the kernel fail the next ``times`` that it reaches ``point``.

        A point is a method ("links.attach"), which then does nothing, or a method and where it
        stops: "links.attach.mark", "links.attach.shaper", "links.attach.inner",
        "links.ensure_bridge.mark", "firewall.add_endpoint.forget".
        """
        default = KernelError("the kernel refused: a test asked for it", metadata={"errno": "EIO"})
        with self.lock:
            self._failures[point] = (times, error or default)

    def reach(self, point: str) -> None:
        """Raise the error that a test asked for at this point. The caller must hold ``lock``."""
        times, error = self._failures.pop(point, (0, None))
        if error is not None:
            if times > 1:
                self._failures[point] = (times - 1, error)
            raise error


class Subject:
    """An attribute of the kernel in memory, which implements a protocol of ``interface``.

    The methods of the protocol hold the lock, count their calls, and fail where a test asked for
    it.
    """

    _subject: ClassVar[str]

    def __init_subclass__(cls, *, protocol: type) -> None:
        super().__init_subclass__()
        cls._subject = protocol.__name__.lower()
        for name in vars(protocol):
            if not name.startswith("_"):
                setattr(cls, name, _counted(f"{cls._subject}.{name}", getattr(cls, name)))

    def __init__(self, control: Control) -> None:
        self._control = control

    def _reach(self, point: str) -> None:
        self._control.reach(f"{self._subject}.{point}")


def _counted(point: str, method: Callable[..., object]) -> Callable[..., object]:
    @wraps(method)
    def call(self: Subject, *args: object, **kwargs: object) -> object:
        control = self._control
        with control.lock:
            control.calls[point] += 1
            control.reach(point)
            return method(self, *args, **kwargs)

    return call
