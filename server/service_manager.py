"""What mynetd tells the service manager that started it, in the protocol of sd_notify(3).

systemd speaks the protocol for a service of Type=notify, and others do, too. A message is one
datagram of lines NAME=VALUE. Without a service manager, nothing is sent.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_PATIENCE = 5.0  # seconds for a service manager that does not read
_BETWEEN_STEPS = 1.0  # seconds
_SOCKET, _WATCHDOG, _WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """The service manager, which may be none."""

    # The path of its socket. One that begins with "@" is abstract. "" without a service manager.
    address: str = ""
    # After how many seconds without :meth:`answering` it ends the daemon. 0 if it never does.
    watchdog: float = 0.0

    def starting(self, status: str, seconds: float) -> None:
        """Report a step of the start, which may take so many seconds from now on."""
        self._send(f"STATUS={status}", f"EXTEND_TIMEOUT_USEC={_microseconds(seconds)}")

    def steps(self, status: str) -> Callable[[float], None]:
        """Return a function that reports the steps of a start as :meth:`starting` does.

        Many steps begin within a second. The function reports only the first of them.
        """
        reported = 0.0

        def report(seconds: float) -> None:
            nonlocal reported
            now = time.monotonic()
            if now - reported >= _BETWEEN_STEPS:
                reported = now
                self.starting(status, seconds + _BETWEEN_STEPS)

        return report

    def ready(self, status: str) -> None:
        """Report that the daemon serves."""
        self._send("READY=1", f"STATUS={status}")

    @contextlib.contextmanager
    def reloading(self, status: str) -> Iterator[None]:
        """Report that the daemon reloads its configuration for the time of the block.

        ``status`` is what it does after the block again.
        """
        self._send(
            "RELOADING=1",
            f"MONOTONIC_USEC={time.monotonic_ns() // 1000}",
            "STATUS=Reloading the configuration",
        )
        try:
            yield
        finally:
            self.ready(status)

    def answering(self) -> None:
        """Report that the daemon answers its callers."""
        self._send("WATCHDOG=1")

    def stopping(self, status: str) -> None:
        """Report that the daemon has begun to stop."""
        self._send("STOPPING=1", f"STATUS={status}")

    def _send(self, *lines: str) -> None:
        """Send a message. A service manager that is gone does not stop the daemon."""
        if not self.address:
            return
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(_PATIENCE)
                sender.connect(address)
                sender.send("\n".join(lines).encode())
        except OSError as error:
            log.warning("the service manager cannot be told", told=lines[0], error=str(error))


def service_manager(environ: MutableMapping[str, str]) -> ServiceManager:
    """Return the service manager of an environment, and remove what names it.

    The programs that the daemon starts are not the service.
    """
    address = environ.pop(_SOCKET, "")
    usec, pid = environ.pop(_WATCHDOG, ""), environ.pop(_WATCHDOG_PID, "")
    if address and not address.startswith(("/", "@")):
        log.warning("NOTIFY_SOCKET is neither a path nor an abstract socket", value=address)
        address = ""
    is_ours = pid in ("", str(os.getpid()))
    watchdog = int(usec) / 1e6 if address and is_ours and usec.isdecimal() else 0.0
    return ServiceManager(address, watchdog)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1e6)
