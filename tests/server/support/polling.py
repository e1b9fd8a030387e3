"""Waiting for a condition."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Wait until a condition is true; return whether it became true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
