"""The network namespaces of the kernel in memory, and the paths that lead to them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import SandboxNotFound
from mynet.drivers.linux.fake.control import Control, Subject
from mynet.drivers.linux.interface.sandboxes import Sandboxes

HOST = 0  # the cookie that stands for the host's own namespace


class SandboxTable:
    """All namespaces. For one thread at a time: the caller holds the kernel's lock."""

    def __init__(self) -> None:
        self._cookies = count(1)
        self.paths: dict[str, int] = {}

    def add(self, path: str) -> Sandbox:
        """Create a namespace that ``path`` leads to."""
        self.paths[path] = next(self._cookies)
        return Sandbox(path, self.paths[path])

    def enter(self, sandbox: Sandbox | None) -> int:
        """Return the cookie of a sandbox, or of the host for None. Raises ``SandboxNotFound``."""
        if sandbox is None:
            return HOST
        if self.paths.get(sandbox.path) != sandbox.cookie:
            raise SandboxNotFound(f"{sandbox.path} does not lead to the sandbox any more")
        return sandbox.cookie


class FakeSandboxes(Subject, protocol=Sandboxes):
    """Implements :class:`~mynet.drivers.linux.interface.sandboxes.Sandboxes` in memory.

    ``names_in`` yields the names of the links in the namespace with a cookie.
    """

    def __init__(
        self, control: Control, table: SandboxTable, names_in: Callable[[int], Iterator[str]]
    ) -> None:
        super().__init__(control)
        self._table = table
        self._names_in = names_in

    def identify(self, path: str) -> Sandbox:
        """Return the namespace that ``path`` leads to now. Raises ``SandboxNotFound``."""
        if path not in self._table.paths:
            raise SandboxNotFound(f"{path} leads to no network namespace")
        return Sandbox(path, self._table.paths[path])

    def exists(self, sandbox: Sandbox) -> bool:
        """Return whether the namespace still exists."""
        return sandbox.cookie in self._table.paths.values()

    def locate(self, sandboxes: Iterable[Sandbox]) -> Mapping[int, str]:
        """Return a path to each namespace that still exists, by its cookie."""
        cookies = {sandbox.cookie for sandbox in sandboxes}
        return {cookie: path for path, cookie in self._table.paths.items() if cookie in cookies}

    def free_name(self, sandbox: Sandbox, names: Iterable[str]) -> str:
        """Return the first name that no link in the sandbox has."""
        taken = {"lo", *self._names_in(self._table.enter(sandbox))}
        return next(name for name in names if name not in taken)
