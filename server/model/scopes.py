"""The part of the networks that a caller may see and change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Scope:
    """The networks whose names and labels fit. An empty scope has all networks."""

    # Patterns as in a shell, such as ci-*. One of them fits the name; without any, all names fit.
    names: tuple[str, ...] = ()
    # The labels that a network must have, all of them.
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_everything(self) -> bool:
        """Return whether all networks are in the scope, and what belongs to no network."""
        return not self.names and not self.labels

    def has(self, name: str, labels: Mapping[str, str]) -> bool:
        """Return whether a network of that name, with these labels, is in the scope."""
        fits = not self.names or any(fnmatchcase(name, pattern) for pattern in self.names)
        return fits and self.labels.items() <= labels.items()

    def __str__(self) -> str:
        """Return the scope for a message, such as ``ci-*, with team=ci``."""
        labels = " and ".join(f"{key}={value}" for key, value in sorted(self.labels.items()))
        names = " or ".join(self.names) or "any name"
        return f"{names}, with {labels}" if labels else names


EVERYTHING = Scope()
