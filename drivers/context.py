"""What the daemon gives a driver: a context when it is made, and a call with each verb.

Third parties import these names from :mod:`mynet.drivers.api`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Call(Protocol):
    """The request that a verb runs for."""

    @property
    def request_id(self) -> str:
        """The id that connects everything that is logged for one request."""

    @property
    def deadline(self) -> float:
        """When the caller stops waiting, in seconds of :func:`time.monotonic`."""

    @property
    def principal(self) -> str:
        """The peer that made the request."""

    def alive(self) -> bool:
        """Return whether the caller still waits. The daemon undoes what is made after that."""


@dataclass(frozen=True, slots=True)
class DriverContext:
    """What the daemon gives a driver when it makes it."""

    # The id of the daemon's state. A driver puts it into the mark of everything that it makes in
    # the kernel, as the bridge driver's alias mynet:<instance>:<id>, and never touches an object
    # with another mark.
    instance: str
    # An existing directory for this driver alone.
    state_dir: Path
