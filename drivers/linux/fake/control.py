"""What tests control in the kernel in memory: where it fails, and what was called."""

import threading
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import ClassVar, Concatenate, ParamSpec, TypeVar

from mynet.drivers.errors import KernelError

_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S", bound="Subject")


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
        "links.ensure_bridge.mark", "firewall.publish.forget".
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
    """An attribute of the kernel in memory."""

    subject: ClassVar[str]

    def __init__(self, control: Control) -> None:
        self._control = control

    def _reach(self, point: str) -> None:
        self._control.reach(f"{self.subject}.{point}")


def counted(method: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, _P], _R]:
    """Make a method hold the lock, count its calls, and fail where a test asked for it."""

    @wraps(method)
    def call(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        control, name = self._control, method.__name__
        with control.lock:
            control.calls[f"{self.subject}.{name}"] += 1
            self._reach(name)
            return method(self, *args, **kwargs)

    return call
