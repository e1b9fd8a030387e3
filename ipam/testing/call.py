"""A call for the verbs of a backend under test."""

import time
from dataclasses import dataclass, field

_DEADLINE = 60  # seconds that every call has


@dataclass(frozen=True, slots=True)
class SampleCall:
    """A call whose caller waits for a minute."""

    request_id: str = "conformance"
    deadline: float = field(default_factory=lambda: time.monotonic() + _DEADLINE)
    principal: str = "conformance"

    def alive(self) -> bool:
        """Return whether the caller still waits, which it does."""
        return True
