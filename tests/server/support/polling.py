"""Waiting for a condition."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Wait until something is the case; say whether it came to be."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
