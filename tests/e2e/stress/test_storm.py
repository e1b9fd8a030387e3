"""Sixteen clients create and delete their own objects, and the daemon is killed among them.

A model knows what was acknowledged. None of that is lost, nothing that was deleted is back, no
address is given twice, and one start leaves nothing half-made. Where an answer did not come, both
outcomes are allowed, and the client asks again.
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
from tests.e2e.support.published_ports import elements
from tests.e2e.support.testbed import Sandbox, Testbed
from tests.support.matrix import matrix

CLIENTS = 16
MOST = 48  # answers between a start and a kill
POOL = "10.64.0.0/16"


class Model:
    """An object that one client creates and deletes, and what the client knows of it."""

    def __init__(self, number: int) -> None:
        self.name = f"s{number}"
        self.number = number
        self.there: object = None  # as acknowledged; None where it is deleted
        self.is_certain = True  # False from a call to its answer
        self.answers = 0

    def prepare(self, daemon: Daemon) -> None:
        """Create what the object needs, before the first kill."""

    def turn(self, daemon: Daemon) -> None:
        """Create the object, or delete it."""
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


class EndpointModel(Model):
    def make(self, daemon: Daemon) -> object:
        ports = [PortMapping(host_port=20000 + self.number, container_port=80)]
        return lasting(daemon.net.Connect(connect(self.name, ports=ports)).endpoint)

    def end(self, daemon: Daemon) -> None:
        asked = network_pb2.DisconnectRequest(container_id=self.name, allow_missing=True)
        daemon.net.Disconnect(asked)

    def find(self, daemon: Daemon) -> object:
        found = [endpoint for endpoint in daemon.endpoints() if endpoint.container_id == self.name]
        assert len(found) <= 1
        return lasting(found[0]) if found else None


class PortModel(Model):
    """A port of an endpoint that exists all the time."""

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
        (found,) = [
            endpoint for endpoint in daemon.endpoints() if endpoint.container_id == self.name
        ]
        return lasting(found) if found.ports else None

    def _change(self) -> network_pb2.UpdateEndpointRequest:
        return network_pb2.UpdateEndpointRequest(network="blue", container_id=self.name)


class AddressModel(Model):
    def make(self, daemon: Daemon) -> object:
        asked = ipam_pb2.AllocateAddressRequest(subnet=POOL, owner=self.name)
        return daemon.ipam.AllocateAddress(asked).allocation.address

    def end(self, daemon: Daemon) -> None:
        daemon.ipam.ReleaseOwner(ipam_pb2.ReleaseOwnerRequest(owner=self.name))

    def find(self, daemon: Daemon) -> object:
        asked = ipam_pb2.ListAllocationsRequest(owner=self.name)
        found = [
            allocation.address for allocation in daemon.ipam.ListAllocations(asked).allocations
        ]
        assert len(found) <= 1
        return found[0] if found else None


class NetworkModel(Model):
    def make(self, daemon: Daemon) -> object:
        asked = create(self.name, f"10.65.{self.number}.0/24")
        asked.allow_existing = True
        return daemon.net.CreateNetwork(asked).network.id

    def end(self, daemon: Daemon) -> None:
        asked = network_pb2.DeleteNetworkRequest(network=self.name, allow_missing=True)
        daemon.net.DeleteNetwork(asked)

    def find(self, daemon: Daemon) -> object:
        found = [network.id for network in daemon.networks() if network.name == self.name]
        return found[0] if found else None


KINDS: list[Callable[[int], Model]] = [EndpointModel, PortModel, AddressModel, NetworkModel]


def lasting(endpoint: network_pb2.Endpoint) -> object:
    ports = tuple(port.host_port for port in endpoint.ports)
    return endpoint.id, tuple(endpoint.addresses), endpoint.mac_address, ports


def work(daemon: Daemon, model: Model, over: threading.Event) -> None:
    """Create and delete the object until the daemon is killed."""
    while True:
        try:
            model.turn(daemon)
        except grpc.RpcError as error:
            if over.is_set() and error.code() is grpc.StatusCode.UNAVAILABLE:
                return
            raise


def kill_among(daemon: Daemon, models: list[Model], answers: int) -> None:
    """Start the clients, and kill the daemon when it has answered so many calls."""
    over = threading.Event()
    enough = sum(model.answers for model in models) + answers
    with ThreadPoolExecutor(len(models)) as clients:
        working = [clients.submit(work, daemon, model, over) for model in models]
        eventually(lambda: sum(model.answers for model in models) >= enough)
        over.set()
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        for future in working:
            future.result()
    daemon.channel.close()


def check(daemon: Daemon, models: list[Model]) -> None:
    """Compare the daemon's objects with what the clients know."""
    for model in models:
        found = model.find(daemon)
        if model.is_certain:
            assert found == model.there, f"{type(model).__name__} {model.name}"
        model.there, model.is_certain = found, True
    held = list(daemon.allocations())
    addresses = [a.split("/")[0] for endpoint in daemon.endpoints() for a in endpoint.addresses]
    assert set(addresses) <= set(held)
    assert max(Counter(addresses).values(), default=1) == 1
    published = sum(len(endpoint.ports) for endpoint in daemon.endpoints())
    assert elements(daemon.testbed) == 2 * published  # one a family; doctor checks the reservation
    answer = daemon.net.Doctor(network_pb2.DoctorRequest())
    assert not answer.findings, answer


@pytest.mark.parametrize("rounds", matrix([8, 50], short=2))
def test_one_start_after_each_kill_leaves_nothing_lost_and_nothing_half_made(
    empty_testbed: Testbed, rounds: int
) -> None:
    seed = time.time_ns()
    chance = random.Random(seed)  # noqa: S311 - dice, not keys
    models = [KINDS[number % len(KINDS)](number) for number in range(CLIENTS)]
    for model in models:
        Sandbox(empty_testbed, model.name)
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    for model in models:
        model.prepare(daemon)
    nothing = daemon.everything()
    try:
        for _ in range(rounds):
            kill_among(daemon, models, chance.randrange(MOST))
            assert empty_testbed.record_findings() == []  # even before a start repairs anything
            daemon = Daemon(empty_testbed)
            check(daemon, models)
    except AssertionError as error:
        error.add_note(f"the seed is {seed}")
        raise
    for model in models:
        model.end(daemon)
    assert daemon.everything() == nothing
    daemon.stop()
