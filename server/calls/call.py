"""Who asks, until when, and whether anybody still waits."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mynet.server.errors import CallerGone

CLEAN_UP = 30.0  # seconds that undoing a failed call may take, whatever the call itself had left


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way down; what plugins see as ``mynet.drivers.api.Call``.

    ``deadline`` is in seconds of :func:`time.monotonic`.
    """

    deadline: float
    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    principal: str = "mynetd"
    is_active: Callable[[], bool] = _always
    cleans_up: bool = False
    # The plugins that have not answered in time: this call, and those that share the set with it,
    # do not wait for them again.
    given_up: set[str] = field(default_factory=set)

    @classmethod
    def internal(cls, seconds: float, given_up: set[str] | None = None) -> "Call":
        """Make a call of the daemon's own, with so much time; several may share ``given_up``."""
        deadline = time.monotonic() + seconds
        return cls(deadline, given_up=set() if given_up is None else given_up)

    def alive(self) -> bool:
        """Say whether the caller still waits."""
        return self.is_active()

    def remaining(self) -> float:
        """Return the seconds left, never below 0."""
        return max(0.0, self.deadline - time.monotonic())

    def within(self, seconds: float) -> "Call":
        """Make the same call with no more time than that."""
        return replace(self, deadline=min(self.deadline, time.monotonic() + seconds))

    def to_clean_up(self) -> "Call":
        """Make the call that undoes this one: it has time of its own, and cannot be cancelled."""
        deadline = time.monotonic() + CLEAN_UP
        return replace(self, deadline=deadline, is_active=_always, cleans_up=True, given_up=set())


def require_caller(call: Call) -> None:
    """Refuse to finish what nobody waits for: the last moment at which it can still be undone."""
    if not call.alive():
        raise CallerGone("the caller has gone away; what was made for it is undone")
