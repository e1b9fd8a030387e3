"""The socket of a service manager, as systemd has it for a service of Type=notify."""

import contextlib
import socket
from collections.abc import Callable

PATIENCE = 60.0  # seconds for what has to come, however busy the machine is


class NotifySocket:
    """A datagram socket at an address of NOTIFY_SOCKET's form, which remembers its messages."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(PATIENCE)

    def next(self) -> dict[str, str]:
        """Wait for the next message; return its lines."""
        lines = self._socket.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def wait_for(self, condition: Callable[[dict[str, str]], object]) -> dict[str, str]:
        """Return the next message that meets a condition, and skip those before it."""
        while not condition(message := self.next()):
            pass
        return message

    def drain(self) -> list[dict[str, str]]:
        """Return the messages that have come."""
        messages: list[dict[str, str]] = []
        self._socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                messages.append(self.next())
        self._socket.settimeout(PATIENCE)
        return messages

    def close(self) -> None:
        self._socket.close()
