"""How many calls a second each caller may make: a token bucket for each caller.

A bucket is stored as the time at which it is full again, which is one number. Source: the generic
cell rate algorithm of ITU-T I.371.
"""

import threading
import time

from mynet.server.errors import LimitExceeded
from mynet.server.model.callers import Caller

_FORGET_AT = 1000  # buckets
_ROUNDING = 1e-6  # seconds


class Rates:
    """The rates of all callers."""

    def __init__(self, rate: float, burst: int) -> None:
        """Allow each caller ``rate`` calls a second, and ``burst`` calls at once.

        A rate of 0 allows any number of calls.
        """
        self._rate = rate
        self._interval = 1 / rate if rate else 0.0
        self._depth = burst * self._interval
        # Guards `_full`: when the bucket of a caller is full again, in seconds of time.monotonic().
        self._guard = threading.Lock()
        self._full: dict[str, float] = {}

    def take(self, caller: Caller) -> None:
        """Take a token of a caller. Raises LimitExceeded with the time until there is one."""
        if not self._rate:
            return
        now = time.monotonic()
        with self._guard:
            full = max(now, self._full.get(caller.key, now)) + self._interval
            wait = full - now - self._depth
            if wait < _ROUNDING:
                self._full[caller.key] = full
                if len(self._full) > _FORGET_AT:
                    self._full = {key: when for key, when in self._full.items() if when > now}
                return
        raise LimitExceeded(
            "rate_limit", f"{self._rate:g} calls a second", "call less often", retry_after=wait
        )

    def charge(self, caller: Caller, tokens: int) -> None:
        """Take more tokens for a call that has begun. The caller's next call waits for them."""
        if not self._rate or not tokens:
            return
        now = time.monotonic()
        with self._guard:
            full = max(now, self._full.get(caller.key, now))
            self._full[caller.key] = full + tokens * self._interval
