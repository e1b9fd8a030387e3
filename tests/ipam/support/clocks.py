"""A clock that a test advances."""

from dataclasses import dataclass

from mynet.ipam.bitmap.clock import SECOND, BootTime


@dataclass
class FakeClock:
    """A clock that stands still; ``reboot`` restarts it, as a boot restarts the kernel's."""

    boot: int = 1
    nanoseconds: int = 1_000 * SECOND

    def now(self) -> BootTime:
        return BootTime(f"boot {self.boot}", self.nanoseconds)

    def advance(self, seconds: float) -> None:
        self.nanoseconds += round(seconds * SECOND)

    def reboot(self, seconds: float = 0.0) -> None:
        """Begin another boot, so many seconds ago."""
        self.boot += 1
        self.nanoseconds = round(seconds * SECOND)
