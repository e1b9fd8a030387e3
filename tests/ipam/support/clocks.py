"""A clock that goes when it is told to."""

from dataclasses import dataclass

from mynet.ipam.bitmap.clock import SECOND, BootTime


@dataclass
class FakeClock:
    """Stands still; ``reboot`` begins it anew, as the kernel's does."""

    boot: int = 1
    nanoseconds: int = 1_000 * SECOND

    def now(self) -> BootTime:
        return BootTime(f"boot {self.boot}", self.nanoseconds)

    def advance(self, seconds: float) -> None:
        self.nanoseconds += round(seconds * SECOND)

    def reboot(self, seconds: float = 0.0) -> None:
        """Begin another boot, which is so old."""
        self.boot += 1
        self.nanoseconds = round(seconds * SECOND)
