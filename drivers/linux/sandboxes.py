"""The network namespaces that endpoints are in, and where they are found."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import PrivilegeMissing, SandboxNotFound
from mynet.drivers.linux import netns
from mynet.drivers.linux.kernel_errors import refusals
from mynet.drivers.linux.netlink.netlink_socket import Netlink

_ESCAPE = re.compile(rb"\\([0-7]{3})")  # how mountinfo writes a space: \040


class Sandboxes:
    """Implements :class:`~mynet.drivers.linux.interface.sandboxes.Sandboxes`."""

    def identify(self, path: str) -> Sandbox:
        """Like: lsns -t net PATH.

        This thread's own namespace is refused: an inner end that stayed on the host would give the
        host an address and a default route.
        """
        sandbox = netns.identify(path)
        if sandbox.cookie == netns.cookie_here():
            raise SandboxNotFound(
                f"{path} is mynetd's own network namespace, which is no sandbox: give another, or"
                " none at all to have the interface made for you to move",
                resource=f"sandbox {path}",
            )
        return sandbox

    def exists(self, sandbox: Sandbox) -> bool:
        """Like: lsns -t net."""
        return bool(self.locate([sandbox]))

    def locate(self, sandboxes: Iterable[Sandbox]) -> dict[int, str]:
        """Like: lsns -t net.

        Sandboxes whose own paths lead elsewhere are looked for behind every process and mount, all
        of them in one round that takes some 100 us a namespace.
        """
        paths: dict[int, str] = {}
        missing: set[int] = set()
        for sandbox in sandboxes:
            missing.add(sandbox.cookie)
            with suppress(SandboxNotFound):
                if netns.identify(sandbox.path).cookie == sandbox.cookie:
                    paths[sandbox.cookie] = sandbox.path
        missing -= paths.keys()
        if missing:
            with refusals("look for sandboxes whose paths lead elsewhere", "sandboxes"):
                for path in _visible_namespaces():
                    # A namespace that may not be looked at did not come from a caller either.
                    with suppress(SandboxNotFound, PrivilegeMissing):
                        cookie = netns.identify(path).cookie
                        if cookie in missing:
                            paths.setdefault(cookie, path)
        return paths

    def free_name(self, sandbox: Sandbox, names: Iterable[str]) -> str:
        """Like: ip link show dev NAME."""
        with netns.entered(sandbox), Netlink() as nl:
            return next(name for name in names if not nl.index(name))


def _visible_namespaces() -> Iterator[str]:
    """Yield one path for each network namespace that a process or a mount shows."""
    seen: set[int] = set()
    processes = filter(str.isdecimal, os.listdir("/proc"))  # noqa: PTH208 - a Path costs more
    for path in chain(map("/proc/{}/ns/net".format, processes), _mounted_namespaces()):
        try:
            inode = os.stat(path).st_ino  # noqa: PTH116 - a Path for each process costs more
        except OSError:
            continue  # the process ended, or may not be looked at
        if inode not in seen:
            seen.add(inode)
            yield path


def _mounted_namespaces() -> Iterator[str]:
    """Yield where namespaces are bind-mounted. Like: ``findmnt -t nsfs``."""
    for line in Path("/proc/self/mountinfo").read_bytes().split(b"\n"):
        fields = line.split(b" ")
        if b"nsfs" in fields[6:] and fields[3].startswith(b"net:"):
            path = _ESCAPE.sub(lambda octal: bytes([int(octal[1], 8)]), fields[4])
            yield os.fsdecode(path)  # names are bytes, and not always text
