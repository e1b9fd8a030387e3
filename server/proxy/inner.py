"""The folder of the sockets behind the proxy."""

import os
from pathlib import Path

_MODE = 0o700


class InnerFolder:
    """A folder that no other user may enter. gRPC listens there."""

    def __init__(self, folder: Path) -> None:
        """Create the folder, or empty it. A daemon that was killed leaves its sockets there.

        Raises OSError.
        """
        folder.mkdir(mode=_MODE, exist_ok=True)
        folder.chmod(_MODE)
        for left in folder.iterdir():
            left.unlink()
        self._folder = folder
        self._descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def path(self, name: str) -> str:
        """Return a path for a socket, which is short: the path of a socket has 107 bytes at most.

        It is only valid in this process.
        """
        return f"/proc/self/fd/{self._descriptor}/{name}"

    def close(self) -> None:
        """Delete the folder."""
        for left in self._folder.iterdir():
            left.unlink()
        os.close(self._descriptor)
        self._folder.rmdir()
