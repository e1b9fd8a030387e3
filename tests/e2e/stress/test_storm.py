"""Sixteen clients make and take away what is their own, and the daemon is killed among them.

A model knows what was acknowledged: none of it is lost, nothing is there that was acknowledged to
be gone, no address is there twice, and one start leaves nothing half-made. Where an answer did not
come, both are allowed, and the client asks again.
"""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from mynet.v1 import ipam_pb2, network_pb2
from mynet.v1.network_pb2 import PortMapping
from tests.e2e.support.daemon import Daemon, connect, create, eventually
from tests.e2e.support.publishing import elements
from tests.e2e.support.testbed import Sandbox, Testbed
from tests.support.matrix import matrix

CLIENTS = 16
MOST = 48  # answers between a start and the kill
POOL = "10.64.0.0/16"


class Thing:
    """Something that one client makes and takes away, and what it knows of it.

    ``there`` is what was acknowledged: an answer's lasting parts, or None where it is gone.
    ``is_certain`` is False from a question to its answer.
    """

    def __init__(self, number: int) -> None:
        self.name = f"s{number}"
        self.number = number
        self.there: object = None
        self.is_certain = True
        self.answers = 0

    def prepare(self, daemon: Daemon) -> None:
        """Make what it stands on, before the storm."""

    def turn(self, daemon: Daemon) -> None:
        """Make it, or take it away."""
        taking_away, self.is_certain = self.there is not None, False
        if taking_away:
            self.end(daemon)
            self.there = None
        else:
            self.there = self.make(daemon)
        self.is_certain = True
        self.answers += 1

    def make(self, daemon: Daemon) -> object:
        raise AssertionError(daemon)

    def end(self, daemon: Daemon) -> None:
        raise AssertionError(daemon)

    def find(self, daemon: Daemon) -> object:
        raise AssertionError(daemon)


class AnEndpoint(Thing):
    def make(self, daemon: Daemon) -> object:
        ports = [PortMapping(host_port=20000 + self.number, container_port=80)]
        return lasting(daemon.net.Connect(connect(self.name, ports=ports)).endpoint)

    def end(self, daemon: Daemon) -> None:
        asked = network_pb2.DisconnectRequest(container_id=self.name, allow_missing=True)
        daemon.net.Disconnect(asked)

    def find(self, daemon: Daemon) -> object:
        found = [each for each in daemon.endpoints() if each.container_id == self.name]
        assert len(found) <= 1
        return lasting(found[0]) if found else None


class APort(Thing):
    """One more port of an endpoint that is there all the time."""

    def prepare(self, daemon: Daemon) -> None:
        daemon.connect(self.name)

    def make(self, daemon: Daemon) -> object:
        asked = self._change()
        asked.ports.add(host_port=20000 + self.number, container_port=80)
        return lasting(daemon.net.UpdateEndpoint(asked).endpoint)

    def end(self, daemon: Daemon) -> None:
        asked = self._change()
        asked.remove_ports.add(container_port=80)
        daemon.net.UpdateEndpoint(asked)

    def find(self, daemon: Daemon) -> object:
        (found,) = [each for each in daemon.endpoints() if each.container_id == self.name]
        return lasting(found) if found.ports else None

    def _change(self) -> network_pb2.UpdateEndpointRequest:
        return network_pb2.UpdateEndpointRequest(network="blue", container_id=self.name)


class AnAddress(Thing):
    def make(self, daemon: Daemon) -> object:
        asked = ipam_pb2.AllocateAddressRequest(subnet=POOL, owner=self.name)
        return daemon.ipam.AllocateAddress(asked).allocation.address

    def end(self, daemon: Daemon) -> None:
        daemon.ipam.ReleaseOwner(ipam_pb2.ReleaseOwnerRequest(owner=self.name))

    def find(self, daemon: Daemon) -> object:
        asked = ipam_pb2.ListAllocationsRequest(owner=self.name)
        found = [each.address for each in daemon.ipam.ListAllocations(asked).allocations]
        assert len(found) <= 1
        return found[0] if found else None


class ANetwork(Thing):
    def make(self, daemon: Daemon) -> object:
        asked = create(self.name, f"10.65.{self.number}.0/24")
        asked.allow_existing = True
        return daemon.net.CreateNetwork(asked).network.id

    def end(self, daemon: Daemon) -> None:
        asked = network_pb2.DeleteNetworkRequest(network=self.name, allow_missing=True)
        daemon.net.DeleteNetwork(asked)

    def find(self, daemon: Daemon) -> object:
        found = [each.id for each in daemon.networks() if each.name == self.name]
        return found[0] if found else None


KINDS: list[Callable[[int], Thing]] = [AnEndpoint, APort, AnAddress, ANetwork]


def lasting(endpoint: network_pb2.Endpoint) -> object:
    ports = tuple(each.host_port for each in endpoint.ports)
    return endpoint.id, tuple(endpoint.addresses), endpoint.mac_address, ports


def work(daemon: Daemon, thing: Thing, over: threading.Event) -> None:
    """Make it and take it away until the daemon is killed."""
    while True:
        try:
            thing.turn(daemon)
        except grpc.RpcError as error:
            if over.is_set() and error.code() is grpc.StatusCode.UNAVAILABLE:
                return
            raise


def kill_among(daemon: Daemon, things: list[Thing], answers: int) -> None:
    """Let the clients work, and kill the daemon when it has answered so often."""
    over = threading.Event()
    enough = sum(thing.answers for thing in things) + answers
    with ThreadPoolExecutor(len(things)) as clients:
        working = [clients.submit(work, daemon, thing, over) for thing in things]
        eventually(lambda: sum(thing.answers for thing in things) >= enough)
        over.set()
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        for future in working:
            future.result()
    daemon.channel.close()


def check(daemon: Daemon, things: list[Thing]) -> None:
    """Compare what there is with what the clients know."""
    for thing in things:
        found = thing.find(daemon)
        if thing.is_certain:
            assert found == thing.there, f"{type(thing).__name__} {thing.name}"
        thing.there, thing.is_certain = found, True
    held = list(daemon.allocations())
    addresses = [a.split("/")[0] for each in daemon.endpoints() for a in each.addresses]
    assert set(addresses) <= set(held)
    assert max(Counter(addresses).values(), default=1) == 1
    published = sum(len(each.ports) for each in daemon.endpoints())
    assert (
        elements(daemon.testbed) == 2 * published
    )  # one a family; that it is held, doctor looks at
    answer = daemon.net.Doctor(network_pb2.DoctorRequest())
    assert not answer.findings, answer


@pytest.mark.parametrize("rounds", matrix([8, 50], short=2))
def test_one_start_after_each_kill_leaves_nothing_lost_and_nothing_half_made(
    empty_testbed: Testbed, rounds: int
) -> None:
    seed = time.time_ns()
    chance = random.Random(seed)  # noqa: S311 - dice, not keys
    things = [KINDS[number % len(KINDS)](number) for number in range(CLIENTS)]
    for thing in things:
        Sandbox(empty_testbed, thing.name)
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    for thing in things:
        thing.prepare(daemon)
    nothing = daemon.everything()
    try:
        for _ in range(rounds):
            kill_among(daemon, things, chance.randrange(MOST))
            assert empty_testbed.books() == []  # they agree before anything heals them
            daemon = Daemon(empty_testbed)
            check(daemon, things)
    except AssertionError as error:
        error.add_note(f"the seed is {seed}")
        raise
    for thing in things:
        thing.end(daemon)
    assert daemon.everything() == nothing
    daemon.stop()
