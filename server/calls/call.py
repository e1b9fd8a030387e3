"""One call: its caller, its deadline, and whether the caller still waits."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mynet.server.errors import CallerGone
from mynet.server.model.callers import DAEMON, Caller

ROLLBACK_SECONDS = 30.0  # for the rollback of a failed call, whatever time the call itself had left


class UnresponsivePlugins(set[str]):
    """The names of plugins that did not answer in time during a run of several calls.

    No later call of the run waits for them, so a plugin that hangs costs the run one timeout.
    """


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way down; plugins see it as ``mynet.drivers.api.Call``."""

    # In seconds of time.monotonic().
    deadline: float
    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    caller: Caller = DAEMON
    # Returns whether the caller still waits.
    is_active: Callable[[], bool] = _always
    # Whether the call rolls another one back.
    is_rollback: bool = False
    # Shared by the calls of one run; a call of its own has none.
    unresponsive: UnresponsivePlugins | None = None

    @classmethod
    def internal(cls, seconds: float, unresponsive: UnresponsivePlugins | None = None) -> "Call":
        """Return a call of the daemon's own with that much time."""
        return cls(time.monotonic() + seconds, unresponsive=unresponsive)

    @property
    def principal(self) -> str:
        """The name of the caller."""
        return self.caller.name

    def alive(self) -> bool:
        """Return whether the caller still waits."""
        return self.is_active()

    def remaining(self) -> float:
        """Return the seconds left, never below 0."""
        return max(0.0, self.deadline - time.monotonic())

    def within(self, seconds: float) -> "Call":
        """Return the same call with no more time than that."""
        return replace(self, deadline=min(self.deadline, time.monotonic() + seconds))

    def for_rollback(self) -> "Call":
        """Return the call that rolls this one back. It has its own time and cannot be cancelled."""
        deadline = time.monotonic() + ROLLBACK_SECONDS
        return replace(
            self, deadline=deadline, is_active=_always, is_rollback=True, unresponsive=None
        )


def require_caller(call: Call) -> None:
    """Raise CallerGone where the caller does not wait any more.

    It is called at the last moment at which the work can still be rolled back.
    """
    if not call.alive():
        raise CallerGone("the caller has gone away; what was made for it is rolled back")
