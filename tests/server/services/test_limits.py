"""The limits of what callers occupy: who gives up a place, and what is counted."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import grpc
import pytest
import structlog.testing

from mynet.server.errors import LimitExceeded
from mynet.server.model.callers import Listener
from mynet.server.model.limits import Limits
from mynet.server.services.front import limits
from mynet.server.services.front.limits import BytesInFlight, WaitingCalls
from mynet.server.services.server import Server
from mynet.v1 import ipam_pb2, ipam_pb2_grpc, network_pb2, network_pb2_grpc
from tests.server.support.ipam_client import in_parts
from tests.server.support.polling import eventually
from tests.server.support.refusals import refusal
from tests.server.support.world import World

LARGE = 1 << 20


class FakeCall:
    """A call as gRPC's context has it."""

    def __init__(self, peer: str = "unix:", *, ended: bool = False) -> None:
        self.is_cancelled = False
        self._peer = peer
        self._ended = ended
        self.callbacks: list[Callable[[], None]] = []

    def peer(self) -> str:
        return self._peer

    def cancel(self) -> None:
        self.is_cancelled = True

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        self.callbacks.append(callback)
        return not self._ended

    def end(self) -> None:
        for callback in self.callbacks:
            callback()


def test_the_call_that_waits_longest_gives_up_its_place() -> None:
    waiting = WaitingCalls(2)
    calls = [FakeCall() for _ in range(4)]
    with contextlib.ExitStack() as entries:
        for call in calls:
            entries.enter_context(waiting.entry(call))
    assert [call.is_cancelled for call in calls] == [True, True, False, False]


def test_the_connection_with_the_most_calls_makes_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "_MOMENT", 0)
    waiting, alone = WaitingCalls(4), FakeCall("ipv4:192.0.2.1:1000")
    burst = [FakeCall("ipv4:192.0.2.2:1000") for _ in range(20)]
    with contextlib.ExitStack() as entries:
        for call in (alone, *burst):
            entries.enter_context(waiting.entry(call))
        later = FakeCall("ipv4:192.0.2.3:1000")
        entries.enter_context(waiting.entry(later))
        assert [call.is_cancelled for call in burst] == [True] * 18 + [False] * 2
    assert not alone.is_cancelled
    assert not later.is_cancelled


def test_of_connections_with_as_many_calls_the_oldest_makes_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "_MOMENT", 0)
    waiting = WaitingCalls(2)
    calls = [FakeCall(f"ipv4:192.0.2.1:{port}") for port in range(4)]
    with contextlib.ExitStack() as entries:
        for call in calls:
            entries.enter_context(waiting.entry(call))
    assert [call.is_cancelled for call in calls] == [True, True, False, False]


def test_a_call_that_has_just_begun_to_wait_is_not_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "_MOMENT", 60)
    waiting, first, end = WaitingCalls(1), FakeCall(), threading.Event()

    def wait() -> None:
        with waiting.entry(FakeCall()):
            end.wait(60)

    later = threading.Thread(target=wait)
    with waiting.entry(first):
        later.start()
        later.join(0.1)
        assert not first.is_cancelled
    end.set()
    later.join()
    assert not first.is_cancelled


def test_a_call_that_waits_no_more_has_no_place() -> None:
    waiting = WaitingCalls(2)
    calls = [FakeCall() for _ in range(9)]
    with waiting.entry(calls[0]):
        for call in calls[1:]:
            with waiting.entry(call):
                pass
    assert not any(call.is_cancelled for call in calls)


def test_cancelled_calls_are_logged_together(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = WaitingCalls(1)
    with structlog.testing.capture_logs() as logs, contextlib.ExitStack() as entries:
        for _ in range(6):
            entries.enter_context(waiting.entry(FakeCall()))
        monkeypatch.setattr(limits, "_LOG_SECONDS", 0)
        entries.enter_context(waiting.entry(FakeCall()))
    assert [(line["calls"], line["limit"]) for line in logs] == [
        (1, "max_waiting_calls"),
        (5, "max_waiting_calls"),
    ]


def test_the_oldest_unread_answers_make_room() -> None:
    flying = BytesInFlight(3 * LARGE)
    calls = [FakeCall() for _ in range(4)]
    for call in calls[:3]:
        flying.answer(call, LARGE)
    with flying.request() as count:
        count(2 * LARGE)
        assert [call.is_cancelled for call in calls] == [True, True, False, False]
        assert flying.total == 3 * LARGE
        with pytest.raises(LimitExceeded, match="max_bytes_in_flight"):
            count(2 * LARGE)
        assert calls[2].is_cancelled
    for call in calls:
        call.end()
    assert flying.total == 0


def test_what_is_read_is_not_in_flight() -> None:
    flying = BytesInFlight(3 * LARGE)
    first, second = FakeCall(), FakeCall(ended=True)
    flying.answer(first, 2 * LARGE)
    first.end()
    flying.answer(second, 2 * LARGE)
    assert flying.total == 0
    assert not first.is_cancelled


def test_small_messages_are_not_counted() -> None:
    flying = BytesInFlight(LARGE)
    call = FakeCall()
    flying.answer(call, 1000)
    with flying.request() as count:
        count(1000)
        assert flying.total == 0
    assert call.callbacks == []


@pytest.fixture
def channel(still_world: World, folder: object) -> Iterator[grpc.Channel]:
    """A channel to a server with small limits."""
    address = f"unix://{folder}/d.sock"
    small = Limits(max_request_bytes=LARGE, max_document_bytes=2 * LARGE, max_waiting_calls=4)
    server = Server(still_world.core, [Listener(address)], 5, small)
    server.serve()
    with grpc.insecure_channel(address) as channel:
        yield channel
    server.stop(0)


def test_a_request_that_is_too_large_is_refused_with_the_limit(channel: grpc.Channel) -> None:
    stub = network_pb2_grpc.NetworkServiceStub(channel)
    request = network_pb2.GetNetworkRequest(network="x" * LARGE)
    refused = refusal(stub.GetNetwork, request)
    assert refused.short == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert refused.metadata == {"limit": "max_request_bytes", "value": str(LARGE)}


def test_a_document_that_is_too_large_is_refused_with_the_limit(channel: grpc.Channel) -> None:
    stub = ipam_pb2_grpc.IPAMServiceStub(channel)
    request = ipam_pb2.ImportSubnetsRequest(document="x" * (2 * LARGE), format=1)  # type: ignore[arg-type]
    refused = refusal(lambda _, **options: stub.ImportSubnets(in_parts(request), **options), None)
    assert refused.short == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert refused.metadata == {"limit": "max_document_bytes", "value": str(2 * LARGE)}


def test_calls_without_a_request_are_cancelled_and_others_are_served(
    channel: grpc.Channel,
) -> None:
    import_subnets = ipam_pb2_grpc.IPAMServiceStub(channel).ImportSubnets

    end = threading.Event()

    def silent() -> Iterator[ipam_pb2.ImportSubnetsRequest]:
        end.wait()
        yield ipam_pb2.ImportSubnetsRequest()

    calls = [import_subnets.future(silent()) for _ in range(8)]
    assert eventually(lambda: sum(call.done() for call in calls) == 4)
    stub = network_pb2_grpc.NetworkServiceStub(channel)
    stub.ListNetworks(network_pb2.ListNetworksRequest(), timeout=60)
    assert {call.code() for call in calls if call.done()} == {grpc.StatusCode.CANCELLED}
    end.set()
    for call in calls:
        call.cancel()
