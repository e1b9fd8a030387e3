"""Callers that make many calls delay themselves, and not each other."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from mynet.server.calls.call import Call
from mynet.server.errors import LimitExceeded
from mynet.server.model.callers import Caller, Listener, Role
from mynet.server.model.limits import Limits
from mynet.server.plugins.executor import CALLERS, THREADS
from mynet.server.services.front import rates
from mynet.server.services.front.rates import Rates
from mynet.server.services.front.turns import Turns
from mynet.server.services.server import Server
from mynet.v1 import ipam_pb2_grpc, network_pb2, network_pb2_grpc
from tests.server.support import requests
from tests.server.support.polling import eventually
from tests.server.support.refusals import refusal, unpacked
from tests.server.support.world import World

MANY = 400


class Gate:
    """What each call of a verb waits for. A test opens it for one call after another."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[str] = []
        self._permits = threading.Semaphore(0)
        connect = world.driver.connect

        def wait_and_connect(call: Any, endpoint: Any) -> None:
            self.begun.append(Path(endpoint.sandbox.path).name)
            assert self._permits.acquire(timeout=60)
            connect(call, endpoint)

        monkeypatch.setattr(world.driver, "connect", wait_and_connect)

    def open(self, calls: int = 1) -> None:
        self._permits.release(calls)


@pytest.fixture
def gate(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(world, monkeypatch)
    yield made
    made.open(100_000)


def serve(world: World, folder: Path, limits: Limits) -> Iterator[Sequence[grpc.Channel]]:
    """Yield channels to two listeners of a server."""
    listeners = [Listener(f"unix://{folder}/{name}", Role.ADMIN) for name in "ab"]
    server = Server(world.core, listeners, 60, limits)
    server.serve()
    channels = [grpc.insecure_channel(listener.address) for listener in listeners]
    yield channels
    for channel in channels:
        channel.close()
    server.stop(0)


@pytest.fixture
def channels(world: World, folder: Path, gate: Gate) -> Iterator[Sequence[grpc.Channel]]:
    del gate  # it opens after the server has been stopped
    yield from serve(world, folder, Limits())


def test_many_calls_of_one_caller_do_not_delay_the_call_of_another(
    world: World, gate: Gate, channels: Sequence[grpc.Channel]
) -> None:
    world.network("web", "10.0.0.0/16")
    for name in ("other", *(f"c{number}" for number in range(MANY))):
        world.sandbox(name)
    greedy, other = map(network_pb2_grpc.NetworkServiceStub, channels)
    calls = [
        greedy.Connect.future(requests.connect(f"c{n}", netns_name=f"c{n}")) for n in range(MANY)
    ]
    assert eventually(lambda: len(gate.begun) == THREADS)
    assert eventually(lambda: sum(call.done() for call in calls) == MANY - CALLERS)
    call = other.Connect.future(requests.connect("other", netns_name="other"))
    waiting = world.drivers.get("bridge").executor._queue
    assert eventually(lambda: len(waiting._items) == 2)
    gate.open(2)
    assert eventually(lambda: len(gate.begun) == THREADS + 2)
    assert "other" in gate.begun
    gate.open(MANY)
    assert call.exception() is None


def call_of(name: str, seconds: float = 60) -> Call:
    return replace(Call.internal(seconds), caller=Caller(Role.ADMIN, "a.sock", name))


class Threads:
    """Calls in threads of their own, each of which holds its turn until a test ends it."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._executor = ThreadPoolExecutor(32)
        self._ends: dict[str, threading.Event] = {}
        self._calls: list[Future[None]] = []
        self.begun: list[str] = []

    def begin(self, name: str, number: int = 0) -> "Future[None]":
        """Begin a call, and wait until it has its turn, waits for it, or is refused."""
        before = self._progress()
        self._ends[f"{name}{number}"] = threading.Event()
        future = self._executor.submit(self._work, name, number)
        self._calls.append(future)
        assert eventually(lambda: self._progress() != before)
        return future

    def _progress(self) -> tuple[int, ...]:
        done = sum(call.done() for call in self._calls)
        return len(self.begun), len(self._turns._queue), done

    def _work(self, name: str, number: int) -> None:
        with self._turns.turn(call_of(name)):
            self.begun.append(f"{name}{number}")
            self._ends[f"{name}{number}"].wait(60)

    def have_begun(self, number: int) -> bool:
        return len(self.begun) == number

    def end(self, key: str) -> None:
        self._ends[key].set()

    def close(self) -> None:
        for event in self._ends.values():
            event.set()
        self._executor.shutdown()


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(Turns(1, 3))
    yield made
    made.close()


def test_callers_have_their_turns_one_after_another(threads: Threads) -> None:
    for key in ("a0", "a1", "a2", "b0"):
        threads.begin(key[0], int(key[1]))
    for number, key in enumerate(("a0", "a1", "b0", "a2")):
        assert eventually(partial(threads.have_begun, number + 1))
        threads.end(key)
    assert threads.begun == ["a0", "a1", "b0", "a2"]


def test_the_caller_with_the_most_waiting_calls_has_its_last_one_refused(threads: Threads) -> None:
    threads.begin("a", 0)
    _, _, last = [threads.begin("a", number) for number in (1, 2, 3)]
    own = threads.begin("a", 4)
    assert isinstance(own.exception(60), LimitExceeded)
    other = threads.begin("b")
    assert isinstance(last.exception(60), LimitExceeded)
    assert not other.done()


def test_a_call_that_waits_too_long_for_its_turn_is_refused_and_never_begins() -> None:
    turns = Turns(1, 3)
    with turns.turn(call_of("a")), pytest.raises(LimitExceeded), turns.turn(call_of("b", 0.05)):
        raise AssertionError("the call has begun")
    with turns.turn(call_of("b", 0)):
        assert not turns.wait_until_idle(0)
    assert turns.wait_until_idle(0)


@pytest.fixture
def narrow(world: World, folder: Path) -> Iterator[Sequence[grpc.Channel]]:
    """Channels to a server that works on one call, while one other waits."""
    yield from serve(world, folder, Limits(max_running_calls=1, max_queued_calls=1))


def test_a_call_without_a_turn_is_refused_with_the_limit(
    world: World, narrow: Sequence[grpc.Channel]
) -> None:
    hang = world.backend.trouble.hang("allocate")
    stub = ipam_pb2_grpc.IPAMServiceStub(narrow[0])
    calls = [stub.AllocateAddress.future(requests.allocate()) for _ in range(3)]
    assert eventually(lambda: any(call.done() for call in calls))
    [refused] = [unpacked(cast("grpc.RpcError", call.exception())) for call in calls if call.done()]
    assert refused.short == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert refused.metadata == {"limit": "max_queued_calls", "value": "1"}
    assert refused.details["RetryInfo"].retry_delay.seconds == 1
    hang.end()
    assert sum(call.exception() is None for call in calls) == 2


def test_a_caller_beyond_its_rate_is_told_when_to_call_again(world: World, folder: Path) -> None:
    limits = Limits(rate_limit=0.01, rate_burst=3)
    for channels in serve(world, folder, limits):
        first, second = map(network_pb2_grpc.NetworkServiceStub, channels)
        request = network_pb2.ListNetworksRequest()
        for _ in range(3):
            first.ListNetworks(request)
        refused = refusal(first.ListNetworks, request)
        assert refused.short == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
        assert refused.metadata == {"limit": "rate_limit", "value": "0.01 calls a second"}
        assert 0 < refused.details["RetryInfo"].retry_delay.seconds <= 100
        second.ListNetworks(request)


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(rates, "time", made)
    return made


def allowed(made: Rates, name: str, calls: int = 100) -> int:
    """Make calls; return how many were allowed."""
    count = 0
    for _ in range(calls):
        try:
            made.take(Caller(Role.READER, "a.sock", name))
        except LimitExceeded:
            continue
        count += 1
    return count


def test_a_bucket_holds_a_burst_and_fills_at_the_rate(clock: Clock) -> None:
    made = Rates(2, 10)
    assert allowed(made, "a") == 10
    assert allowed(made, "b") == 10
    clock.now += 3
    assert allowed(made, "a") == 6
    clock.now += 1000
    assert allowed(made, "a") == 10


def test_a_refused_call_can_be_made_after_the_time_that_its_error_gives(clock: Clock) -> None:
    made, caller = Rates(2, 1), Caller(Role.READER, "a.sock", "a")
    made.take(caller)
    with pytest.raises(LimitExceeded) as caught:
        made.take(caller)
    clock.now += caught.value.retry_after
    made.take(caller)


def test_a_batch_counts_as_many_calls_as_it_has_requests(world: World, folder: Path) -> None:
    limits = Limits(rate_limit=0.01, rate_burst=8)
    world.network("web", "10.0.0.0/16")
    for channels in serve(world, folder, limits):
        stub = network_pb2_grpc.NetworkServiceStub(channels[0])
        batch = [requests.connect(f"c{number}") for number in range(6)]
        stub.BatchConnect(network_pb2.BatchConnectRequest(requests=batch))
        for _ in range(2):
            stub.ListNetworks(network_pb2.ListNetworksRequest())
        refused = refusal(stub.ListNetworks, network_pb2.ListNetworksRequest())
        assert refused.metadata["limit"] == "rate_limit"


def test_a_charge_beyond_the_burst_delays_the_next_call(clock: Clock) -> None:
    made, caller = Rates(2, 10), Caller(Role.READER, "a.sock", "a")
    made.take(caller)
    made.charge(caller, 29)
    assert allowed(made, "a") == 0
    clock.now += 10
    assert allowed(made, "a") == 0
    clock.now += 0.5
    assert allowed(made, "a") == 1


def test_full_buckets_are_forgotten(clock: Clock) -> None:
    made = Rates(1, 1)
    for number in range(3000):
        clock.now += 0.1
        assert allowed(made, f"{number}", 1) == 1
    assert len(made._full) <= 1001


def test_without_a_rate_nothing_is_counted(clock: Clock) -> None:
    made = Rates(0, 1)
    assert allowed(made, "a", 1000) == 1000
    assert made._full == {}
