"""Runs nft(8), the only program that mynet starts, to load and list the firewall."""

import errno
import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.firewall.ruleset import TABLE_NAMES
from mynet.drivers.linux.kernel_errors import refusals, refused

_TIMEOUT = 30  # seconds; 2,000 networks load in 0.1
_LONGEST = 400  # characters of what nft printed, in a message
_TOLD: Final = (  # the errnos that a kernel without a part of nftables or without memory has
    *(errno.EPERM, errno.EPROTONOSUPPORT, errno.ENOTSUP, errno.ENOENT, errno.ENOMEM),
    *(errno.ENOBUFS, errno.EMFILE, errno.EAGAIN),
)
_SYSTEM_FOLDERS = "/usr/sbin:/sbin:/usr/local/sbin"  # not on every daemon's PATH


def run_nft(doing: str, arguments: Sequence[str], text: str = "") -> str:
    """Run nft in the namespace of this thread with ``text`` as its input, and return its output.

    ``doing`` is what it does to the tables, for messages: "load". Raises CapabilityUnsupported if
    nft is not installed, PrivilegeMissing if the daemon may not do this, and KernelError if nft
    fails or does not end in time.
    """
    program = shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_FOLDERS}")
    if program is None:
        raise CapabilityUnsupported(
            "the program nft is not on this host: install the package nftables, then call again",
            resource=TABLE_NAMES,
        )
    try:
        with refusals("start nft", TABLE_NAMES):
            done = subprocess.run(  # noqa: S603 - our own text, no shell, and a program from PATH
                [program, *arguments],
                input=text,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        detail = f"nft did not end within {_TIMEOUT} s"
        raise refused(
            errno.ETIMEDOUT, f"{doing} {TABLE_NAMES}", TABLE_NAMES, detail=detail
        ) from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:_LONGEST]
        raise refused(_errno_of(said), f"{doing} {TABLE_NAMES}", TABLE_NAMES, detail=said)
    return done.stdout


def _errno_of(said: str) -> int:
    """Return the errno that nft printed in words; EINVAL if there is none of those known."""
    return next((number for number in _TOLD if os.strerror(number) in said), errno.EINVAL)
