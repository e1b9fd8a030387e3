"""The network namespaces that endpoints are in."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from mynet.drivers.api import Sandbox


class Sandboxes(Protocol):
    """The network namespaces that endpoints are in."""

    def identify(self, path: str) -> Sandbox:
        """Return the namespace that ``path`` leads to now. Raises ``SandboxNotFound``."""

    def exists(self, sandbox: Sandbox) -> bool:
        """Return whether the namespace still exists, at its path or at another."""

    def locate(self, sandboxes: Iterable[Sandbox]) -> Mapping[int, str]:
        """Return a path to each namespace that still exists, by its cookie."""

    def free_name(self, sandbox: Sandbox, names: Iterable[str]) -> str:
        """Return the first name that no link in the sandbox has, alternative names included.

        Links are not listed: a sandbox may have any number. Raises ``SandboxNotFound``.
        """
