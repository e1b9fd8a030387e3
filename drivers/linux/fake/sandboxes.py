"""The network namespaces of the kernel in memory, and the paths that lead to them."""

from collections.abc import Iterable, Mapping
from itertools import count

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import SandboxNotFound

HOST = 0  # the cookie that stands for the host's own namespace


class Sandboxes:
    """All that there are. For one thread at a time: FakeKernel holds its lock."""

    def __init__(self) -> None:
        self._cookies = count(1)
        self._paths: dict[str, int] = {}

    def add(self, path: str) -> Sandbox:
        """Make one that ``path`` leads to."""
        self._paths[path] = next(self._cookies)
        return Sandbox(path, self._paths[path])

    def remove(self, path: str) -> int | None:
        """Take away the one that ``path`` leads to, if any, and tell its cookie."""
        return self._paths.pop(path, None)

    def move(self, path: str, to: str) -> None:
        """Let another path lead there, and the old one nowhere."""
        self._paths[to] = self._paths.pop(path)

    def identify(self, path: str) -> Sandbox:
        """Tell which one ``path`` leads to now, or raise ``SandboxNotFound``."""
        if path not in self._paths:
            raise SandboxNotFound(f"{path} leads to no network namespace")
        return Sandbox(path, self._paths[path])

    def exists(self, sandbox: Sandbox) -> bool:
        """Say whether it is still there, under whatever path."""
        return sandbox.cookie in self._paths.values()

    def locate(self, sandboxes: Iterable[Sandbox]) -> Mapping[int, str]:
        """Find a path that leads to each now, by its cookie."""
        paths = {cookie: path for path, cookie in self._paths.items()}
        cookies = {sandbox.cookie for sandbox in sandboxes}
        return {cookie: path for cookie, path in paths.items() if cookie in cookies}

    def enter(self, sandbox: Sandbox | None) -> int:
        """Tell the cookie of where it is (None is the host), or raise ``SandboxNotFound``."""
        if sandbox is None:
            return HOST
        if self._paths.get(sandbox.path) != sandbox.cookie:
            raise SandboxNotFound(f"{sandbox.path} does not lead to the sandbox any more")
        return sandbox.cookie
