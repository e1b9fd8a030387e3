"""BatchConnect and BatchDisconnect: many requests in one call, each with its own outcome."""

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from mynet.drivers.errors import KernelError
from mynet.ipam.errors import StoreUnavailable
from mynet.server.calls.call import Call
from mynet.server.calls.parallel import THREADS, Parallel
from mynet.server.services import batches
from mynet.server.services.batches import CONNECTS_AT_ONCE as AT_ONCE
from mynet.server.services.from_proto.network import MAX_BATCH
from mynet.v1 import network_pb2 as pb
from tests.server.support.polling import eventually
from tests.server.support.refusals import require_violations
from tests.server.support.requests import connect
from tests.server.support.world import World

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def networks(world: World) -> None:
    world.network("web", "10.1.0.0/16", "fd00:1::/64")
    world.network("api", "10.2.0.0/24", driver="other")


class Gate:
    """Where each Connect of the driver waits until a test opens it."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[Any] = []  # the calls
        self.opened = threading.Event()
        attach = world.driver.connect

        def wait_and_attach(call: Any, endpoint: Any) -> None:
            self.begun.append(call)
            assert self.opened.wait(PATIENCE)
            attach(call, endpoint)

        monkeypatch.setattr(world.driver, "connect", wait_and_attach)


@pytest.fixture
def gate(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(world, monkeypatch)
    yield made
    made.opened.set()


def batch_connect(world: World, *requests: pb.ConnectRequest) -> pb.BatchConnectResponse:
    return world.net.BatchConnect(pb.BatchConnectRequest(requests=requests))


def batch_disconnect(world: World, *requests: dict[str, Any]) -> pb.BatchDisconnectResponse:
    packed = [pb.DisconnectRequest(**fields) for fields in requests]
    return world.net.BatchDisconnect(pb.BatchDisconnectRequest(requests=packed))


def test_the_outcomes_have_the_order_of_the_requests(world: World) -> None:
    before = world.state()
    names = [f"c{number}" for number in range(MAX_BATCH)]
    made = [outcome.endpoint for outcome in batch_connect(world, *map(connect, names)).outcomes]
    assert [endpoint.container_id for endpoint in made] == names
    assert len({endpoint.addresses[0] for endpoint in made}) == MAX_BATCH
    assert all(endpoint.state == pb.ENDPOINT_STATE_READY for endpoint in made)
    gone = batch_disconnect(world, *({"container_id": name} for name in names)).outcomes
    assert [list(outcome.endpoints) for outcome in gone] == [[endpoint] for endpoint in made]
    assert world.state() == before


def test_the_same_batch_again_returns_the_same_endpoints(world: World) -> None:
    requests = [connect("c1"), connect("c2", network="api")]
    first = batch_connect(world, *requests)
    world.disconnect("c2")
    again = batch_connect(world, *requests)
    assert again.outcomes[0] == first.outcomes[0]
    assert again.outcomes[1].endpoint.container_id == "c2"


def test_a_request_that_fails_stops_no_other_and_leaves_nothing(world: World) -> None:
    before = world.state()
    answer = batch_connect(
        world,
        connect("c1"),
        connect("", addresses=["no address"], interface="a/b"),
        connect("c3", network="none"),
        connect("c4", netns_name="gone"),
        connect("c5", network="api"),
    )
    failures = [outcome.failure for outcome in answer.outcomes]
    assert [(failure.code, failure.reason) for failure in failures] == [
        ("", ""),
        ("INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ("NOT_FOUND", "NETWORK_NOT_FOUND"),
        ("NOT_FOUND", "SANDBOX_NOT_FOUND"),
        ("", ""),
    ]
    wrong = [violation.field for violation in failures[1].violations]
    assert sorted(wrong) == ["addresses[0]", "container_id", "interface"]
    assert all(violation.description for violation in failures[1].violations)
    assert "none" in failures[2].message
    assert {endpoint.container_id for endpoint in world.endpoints()} == {"c1", "c5"}
    batch_disconnect(world, {"container_id": "c1"}, {"container_id": "c5"})
    assert world.state() == before


def test_a_request_that_the_driver_refuses_is_rolled_back_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    attach = world.driver.connect

    def refuse_one(call: Any, endpoint: Any) -> None:
        attach(call, endpoint)
        if endpoint.interface == "eth7":
            raise KernelError("no memory is left", resource="memory")

    monkeypatch.setattr(world.driver, "connect", refuse_one)
    answer = batch_connect(world, connect("c1"), connect("c2", interface="eth7"), connect("c3"))
    assert [outcome.failure.reason for outcome in answer.outcomes] == ["", "KERNEL_ERROR", ""]
    assert answer.outcomes[1].failure.message == "no memory is left"
    assert {endpoint.container_id for endpoint in world.endpoints()} == {"c1", "c3"}
    assert len(world.driver.endpoints) == 2


def test_a_failure_says_when_to_try_again(world: World) -> None:
    world.backend.trouble.fail("allocate", StoreUnavailable("the disk is full"))
    (outcome,) = batch_connect(world, connect("c1")).outcomes
    assert (outcome.failure.code, outcome.failure.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    assert outcome.failure.retry_delay.ToMilliseconds() > 0


def test_requests_end_before_the_deadline_of_their_batch_so_that_it_has_an_answer() -> None:
    call = Call.internal(100)
    (outcome,) = batches.run(Parallel(), call, lambda _, part: part, [pb.ConnectRequest()], 1)
    assert 80 < outcome.result().remaining() < 95


@pytest.mark.parametrize("verb", ["BatchConnect", "BatchDisconnect"])
@pytest.mark.parametrize(
    ("count", "repeated", "faults"),
    [
        (0, 0, ["requests"]),
        (MAX_BATCH + 1, 0, ["requests"]),
        (3, 2, ["requests[3]", "requests[4]"]),
        (MAX_BATCH, 1, ["requests", f"requests[{MAX_BATCH}]"]),
    ],
)
def test_a_wrong_batch_is_refused_with_all_its_faults_and_changes_nothing(
    world: World, verb: str, count: int, repeated: int, faults: list[str]
) -> None:
    kind, part = {
        "BatchConnect": (pb.BatchConnectRequest, pb.ConnectRequest),
        "BatchDisconnect": (pb.BatchDisconnectRequest, pb.DisconnectRequest),
    }[verb]
    numbers = [*range(count), *range(repeated)]
    parts = [part(network="web", container_id=f"c{number}") for number in numbers]
    request = kind(requests=parts)
    require_violations(world, getattr(world.net, verb), request, faults)


def test_disconnects_select_as_their_own_rpc_does(world: World) -> None:
    made = [
        world.connect("c1"),
        world.connect("c1", network="api"),
        world.connect("c2"),
    ]
    answer = batch_disconnect(
        world,
        {"container_id": "c1"},
        {"endpoint": made[2].id[:12]},
        {"container_id": "c9"},
        {"container_id": "c9", "allow_missing": True, "network": "web"},
        {"container_id": "c2", "endpoint": "0"},
    )
    assert list(answer.outcomes[0].endpoints) == made[:2]
    assert list(answer.outcomes[1].endpoints) == made[2:]
    assert [outcome.failure.reason for outcome in answer.outcomes] == [
        *("", "", "ENDPOINT_NOT_FOUND", "", "INVALID_ARGUMENT")
    ]
    assert world.endpoints() == []


def test_requests_are_carried_out_side_by_side_within_a_bound(world: World, gate: Gate) -> None:
    requests = [connect(f"c{number}") for number in range(2 * AT_ONCE)]
    call = world.net.BatchConnect.future(pb.BatchConnectRequest(requests=requests))
    assert eventually(lambda: len(gate.begun) == AT_ONCE)
    gate.opened.set()
    assert len(call.result(PATIENCE).outcomes) == 2 * AT_ONCE


def test_a_batch_goes_on_while_others_occupy_all_threads(world: World, gate: Gate) -> None:
    busy = [
        world.net.BatchConnect.future(
            pb.BatchConnectRequest(requests=[connect(f"{name}{n}") for n in range(AT_ONCE)])
        )
        for name in range(THREADS // (AT_ONCE - 1) + 1)
    ]
    assert eventually(lambda: len(gate.begun) >= THREADS)
    other = [connect("c1", network="api"), connect("c2", network="api")]
    assert [outcome.failure.reason for outcome in batch_connect(world, *other).outcomes] == ["", ""]
    gate.opened.set()
    for call in busy:
        assert not any(outcome.failure.reason for outcome in call.result(PATIENCE).outcomes)


def test_what_has_not_begun_when_the_caller_goes_away_is_not_carried_out(
    world: World, gate: Gate
) -> None:
    requests = [connect(f"c{number}") for number in range(4 * AT_ONCE)]
    call = world.net.BatchConnect.future(pb.BatchConnectRequest(requests=requests))
    assert eventually(lambda: len(gate.begun) == AT_ONCE)
    call.cancel()
    with pytest.raises(grpc.FutureCancelledError):
        call.result()
    assert eventually(lambda: not any(begun.alive() for begun in gate.begun))
    gate.opened.set()
    assert eventually(lambda: not world.endpoints())
    assert len(gate.begun) == AT_ONCE


def test_an_answer_without_room_has_what_identifies_the_endpoints(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LARGEST_BYTES", 2000)
    labels = {"text": "x" * 900}
    answer = batch_connect(world, *(connect(f"c{number}", labels=labels) for number in range(4)))
    assert answer.shortened_endpoints == 3
    whole, *short = [outcome.endpoint for outcome in answer.outcomes]
    assert whole.labels == labels
    for endpoint in short:
        assert not endpoint.labels
        (known,) = world.net.ListEndpoints(
            pb.ListEndpointsRequest(container_id=endpoint.container_id)
        ).endpoints
        assert (endpoint.id, endpoint.network) == (known.id, known.network)
        assert endpoint.addresses == known.addresses
    gone = batch_disconnect(world, *({"container_id": f"c{number}"} for number in range(4)))
    assert gone.shortened_endpoints == 3
