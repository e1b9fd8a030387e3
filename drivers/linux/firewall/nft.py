"""Runs nft(8), the only program that mynet starts, to load and list the firewall."""

import errno
import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

from mynet.drivers.errors import CapabilityUnsupported, KernelError
from mynet.drivers.linux.firewall.ruleset import TABLE
from mynet.drivers.linux.kernel_errors import refusals, refused

TABLE_NAME: Final = f"table inet {TABLE}"

_TIMEOUT = 30  # seconds; 2,000 networks load in 0.1
_SYSTEM_FOLDERS = "/usr/sbin:/sbin:/usr/local/sbin"  # not on every daemon's PATH


def run_nft(doing: str, arguments: Sequence[str], text: str = "") -> str:
    """Run nft in the namespace of this thread with ``text`` as its input, and return its output.

    ``doing`` is what it does to the table, for messages: "load". Raises CapabilityUnsupported if
    nft is not installed, PrivilegeMissing if the daemon may not do this, and KernelError if nft
    fails or does not end in time.
    """
    program = shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_FOLDERS}")
    if program is None:
        raise CapabilityUnsupported(
            "the program nft is not on this host: install the package nftables",
            resource=TABLE_NAME,
        )
    try:
        with refusals("start nft", TABLE_NAME):
            done = subprocess.run(  # noqa: S603 - our own text, no shell, and a program from PATH
                [program, *arguments],
                input=text,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise KernelError(
            f"nft did not {doing} {TABLE_NAME} within {_TIMEOUT} s",
            resource=TABLE_NAME,
            metadata={"errno": "ETIMEDOUT", "object": TABLE_NAME},
        ) from error
    if done.returncode != 0 and "Operation not permitted" in done.stderr:
        raise refused(errno.EPERM, f"{doing} {TABLE_NAME}", TABLE_NAME)
    if done.returncode != 0:
        raise KernelError(
            f"nft could not {doing} {TABLE_NAME}: {done.stderr.strip()[:500]}",
            resource=TABLE_NAME,
            metadata={"errno": "EINVAL", "object": TABLE_NAME},
        )
    return done.stdout
