"""Thirty-two callers that work until they are killed, for test_bitmap_kill.py.

``python -m tests.ipam.support.stress FOLDER`` forks a process for each line of standard input,
which is a folder and a name, and waits for its end. A fork is fast, and the parent has no threads.

The parent prints ``pid PID`` and, when that process has ended, ``dead``. In between the process
prints each call before it makes it, and then its result:

    ask OWNER...                   and then   got OWNER ADDRESS OWNER ADDRESS...
    give OWNER...                  and then   gave OWNER...
"""

import os
import sys
import threading
from ipaddress import ip_network
from pathlib import Path

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    BackendContext,
    BatchRequest,
    Holding,
    Holdings,
    ReleaseRequest,
    Subnet,
)
from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.testing import SampleCall

CALLERS = 32
IPV4 = Subnet(ip_network("10.1.0.0/16"), cooldown=0.01, retention=600.0)
IPV6 = Subnet(ip_network("fd00:1::/64"), cooldown=0.01, retention=600.0)
SUBNETS = (IPV4, IPV6)
_OUTPUT = 1
_LOADED = 1 << 32  # the first loaded address; each caller has a range of its own


def subnet_of(owner: str) -> Subnet:
    """Return the subnet that an owner asks for an address of."""
    return SUBNETS[int(owner.split("/")[2]) % 2]


def say(*words: object) -> None:
    """Write a line whole and at once, as many threads write and the process may be killed."""
    os.write(_OUTPUT, f"{' '.join(map(str, words))}\n".encode())


class Caller:
    """A caller, whose next call follows from the number of its calls."""

    def __init__(self, backend: BitmapBackend, process_name: str, number: int) -> None:
        self.backend, self.process_name, self.number = backend, process_name, number

    def run(self) -> None:
        for turn in range(10**9):
            owner = f"{self.process_name}/{self.number}/{turn}"
            subnet, verb = subnet_of(owner), (turn + self.number) % 8
            if verb == 3:
                self.allocate_batch(subnet, [f"{owner}/{place}" for place in range(4)])
            elif verb == 5 and subnet is IPV6:
                self.load(subnet, owner, turn)
            else:
                self.allocate(subnet, owner, keep=verb % 2 == 0)

    def allocate(self, subnet: Subnet, owner: str, *, keep: bool) -> None:
        say("ask", owner)
        request = AllocateRequest(subnet, owner, sticky_key=f"key of {self.number}")
        made = self.backend.allocate(SampleCall(), request)
        say("got", owner, made.address)
        if not keep:
            self.release(subnet, made)

    def release(self, subnet: Subnet, held: Allocation) -> None:
        say("give", held.owner)
        if held.revision % 2:
            self.backend.release(SampleCall(), ReleaseRequest(subnet, held.address, held.owner))
        else:
            self.backend.release_owner(SampleCall(), held.owner)
        say("gave", held.owner)

    def allocate_batch(self, subnet: Subnet, owners: list[str]) -> None:
        say("ask", *owners)
        made = self.backend.allocate_batch(SampleCall(), BatchRequest(subnet, owners))
        say(
            "got", *(word for allocation in made for word in (allocation.owner, allocation.address))
        )

    def load(self, subnet: Subnet, owner: str, turn: int) -> None:
        place = _LOADED + (int(self.process_name) * CALLERS + self.number << 16) + turn
        say("ask", owner)
        held = [Holding(subnet.cidr[place], owner)]
        self.backend.load(SampleCall(), [Holdings(subnet, held)])
        say("got", owner, subnet.cidr[place])


def begin(folder: Path, process_name: str) -> None:
    """Start the callers, which do not end."""
    backend = BitmapBackend(BackendContext("stress", folder))
    for subnet in SUBNETS:
        backend.open_subnet(SampleCall(), subnet.cidr)
    callers = [Caller(backend, process_name, number) for number in range(CALLERS)]
    threads = [threading.Thread(target=caller.run) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main(folder: Path) -> None:
    for line in sys.stdin:
        if pid := os.fork():
            say("pid", pid)
            os.waitpid(pid, 0)
            say("dead")
        else:
            begin(folder / line.split()[0], line.split()[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
