"""Notice of changes that other programs make."""

from collections.abc import Callable
from typing import Protocol


class Watch(Protocol):
    """A watch that reports changes until it is closed."""

    def close(self) -> None:
        """Stop the reports; when this returns, none is on its way."""


class Monitor(Protocol):
    """Changes that other programs make in the kernel."""

    def watch(self, notice: Callable[[frozenset[str]], None]) -> Watch:
        """Call ``notice`` from now on with the marks of links that may be damaged.

        An empty set means that anything may be damaged: the firewall's table, forwarding, or what
        the kernel notified of faster than it could be read. The calls come from a thread of the
        watch.
        """
