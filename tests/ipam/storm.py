"""Sixteen threads that allocate and release until they are killed: what test_bitmap_kill.py runs.

Each call is announced on standard output before it is made, and each answer after it came:
``ask OWNER``, ``got OWNER ADDRESS``, ``give OWNER ADDRESS``, ``gave OWNER ADDRESS``.
"""

import os
import sys
import threading
from ipaddress import ip_network
from pathlib import Path

from mynet.ipam.api import AllocateRequest, BackendContext, ReleaseRequest
from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.testing import SampleCall

THREADS = 16
SUBNETS = [ip_network("10.1.0.0/16"), ip_network("fd00:1::/64")]


def say(*words: object) -> None:
    """Write a line at once, and whole: threads write, and the process may be killed."""
    os.write(sys.stdout.fileno(), f"{' '.join(map(str, words))}\n".encode())


def work(backend: BitmapBackend, name: str) -> None:
    number = 0
    while True:
        number += 1
        owner, subnet = f"{name}/{number}", SUBNETS[number % 2]
        say("ask", owner)
        address = backend.allocate(SampleCall(), AllocateRequest(subnet, owner)).address
        say("got", owner, address)
        if number % 3 == 0:
            say("give", owner, address)
            backend.release(SampleCall(), ReleaseRequest(subnet, address, owner))
            say("gave", owner, address)


def main(folder: Path, name: str) -> None:
    backend = BitmapBackend(BackendContext("storm", folder))
    for subnet in SUBNETS:
        backend.open_subnet(SampleCall(), subnet)
    for number in range(THREADS):
        threading.Thread(target=work, args=(backend, f"{name}/{number}")).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
