"""Errors stay small whatever the caller or a plugin puts into them: grpc refuses large trailers."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from mynet.drivers.api import DriverInfo, Option
from mynet.drivers.errors import DriverError, InterfaceExists, InvalidOptions, SandboxNotFound
from mynet.ipam.errors import AddressInUse, SubnetExhausted
from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.refusals import Refusal, refusal
from tests.server.support.requests import LONG, create
from tests.server.support.world import World
from tests.support.matrix import matrix

DETAILS, TRAILERS = 4096, 8192  # bytes
SERVICES = [
    *network_pb2.DESCRIPTOR.services_by_name.values(),
    *ipam_pb2.DESCRIPTOR.services_by_name.values(),
]
INPUTS = {method.name: method.input_type for service in SERVICES for method in service.methods}
BATCHES = {verb: kind for verb, kind in INPUTS.items() if "requests" in kind.fields_by_name}
VERBS = {verb: kind for verb, kind in INPUTS.items() if verb not in BATCHES}


def text_fields(kind: Descriptor, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every field of a message that takes text."""
    for field in kind.fields:
        path = (*before, field.name)
        if field.type == FieldDescriptor.TYPE_STRING:
            yield path
        elif field.message_type and field.message_type.file.package == "mynet.v1":
            is_map = field.message_type.GetOptions().map_entry
            yield from [path] if is_map else text_fields(field.message_type, path)


def put(message: Any, path: tuple[str, ...], *texts: str) -> None:
    """Put texts into a field: the first, or in a list or map as many as there are."""
    name, *rest = path
    field = message.DESCRIPTOR.fields_by_name[name]
    if rest:
        inner = getattr(message, name)
        put(inner.add() if field.is_repeated else inner, tuple(rest), *texts)
    elif field.message_type:
        getattr(message, name).update({text: text for text in texts})
    elif field.is_repeated:
        getattr(message, name).extend(texts)
    else:
        setattr(message, name, texts[0])


def check(refused: Refusal) -> None:
    assert refused.domain == "mynet"
    assert refused.detail_bytes < DETAILS
    assert refused.trailer_bytes < TRAILERS


def ask(world: World, verb: str, *paths: tuple[str, ...], texts: tuple[str, ...]) -> Refusal:
    stub = world.net if hasattr(world.net, verb) else world.ipam
    module = network_pb2 if stub is world.net else ipam_pb2
    request: Message = getattr(module, f"{verb}Request")()
    for path in paths:
        put(request, path, *texts)
    return refusal(getattr(stub, verb), request)


FIELDS = [
    (verb, path)
    for verb, kind in VERBS.items()
    for path in text_fields(kind)
    # Not refused: an owner without addresses, a container without endpoints, and fields that are
    # output only.
    if (verb, *path)
    not in {
        *(("ListAllocations", "owner"), ("ListEndpoints", "container_id")),
        *(("CreateSubnet", "subnet", "backend"), ("CreateSubnet", "subnet", "network")),
    }
]


@pytest.mark.parametrize(
    ("verb", "path"),
    matrix(FIELDS, short=3),
    ids=[f"{verb}-{'.'.join(path)}" for verb, path in FIELDS],
)
def test_a_mebibyte_in_a_field_makes_a_small_error(
    furnished_world: World, verb: str, path: tuple[str, ...]
) -> None:
    before = furnished_world.state()
    check(ask(furnished_world, verb, path, texts=(LONG,)))
    assert furnished_world.state() == before


@pytest.mark.parametrize("verb", [verb for verb, kind in VERBS.items() if [*text_fields(kind)]])
def test_long_texts_in_every_field_make_a_small_error(furnished_world: World, verb: str) -> None:
    texts = tuple(f"{number}{'ü' * 2000}\n" for number in range(30))
    before = furnished_world.state()
    check(ask(furnished_world, verb, *text_fields(VERBS[verb]), texts=texts))
    assert furnished_world.state() == before


@pytest.mark.parametrize("verb", BATCHES)
def test_long_texts_in_a_batch_make_small_failures(furnished_world: World, verb: str) -> None:
    texts = tuple(f"{number}{'ü' * 2000}\n" for number in range(30))
    request: Any = getattr(network_pb2, f"{verb}Request")()
    for number, path in enumerate(text_fields(VERBS[verb.removeprefix("Batch")])):
        put(request.requests.add(container_id=f"c{number}"), path, *texts)
    before = furnished_world.state()
    answer = getattr(furnished_world.net, verb)(request)
    assert all(outcome.failure.reason for outcome in answer.outcomes)
    assert all(outcome.ByteSize() < DETAILS for outcome in answer.outcomes)
    assert furnished_world.state() == before


MANY = {f"{number}{'ü' * 999}": "ü" * 999 for number in range(99)}


@pytest.mark.parametrize(
    "error",
    [
        DriverError(LONG, resource=LONG, metadata=MANY),
        InvalidOptions(LONG, MANY),
        InterfaceExists(LONG, resource=f"interface {LONG}", metadata=MANY),
        SandboxNotFound(LONG, resource=f"sandbox {LONG}", metadata=MANY),
        DriverError("\n" * 9999),
        DriverError("\ud800", resource="\ud800", metadata={"\ud800": "\ud800"}),
        DriverError("no", metadata={"errno": 5}),  # type: ignore[dict-item]
        RuntimeError(LONG),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_text_of_a_driver_makes_a_small_error(world: World, error: Exception) -> None:
    world.driver.trouble.fail("create", error)
    check(refusal(world.net.CreateNetwork, create()))


@pytest.mark.parametrize(
    "error",
    [
        AddressInUse(LONG, resource=f"address {LONG}", holder=LONG, metadata=MANY),
        SubnetExhausted(LONG, resource=f"subnet {LONG}", holder=LONG, metadata=MANY),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_text_of_a_backend_makes_a_small_error(world: World, error: Exception) -> None:
    world.backend.trouble.fail("open_subnet", error)
    check(refusal(world.net.CreateNetwork, create()))


def test_any_text_of_an_option_check_makes_a_small_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [Option(f"{number}".rjust(48, "x"), "", lambda _: LONG) for number in range(30)]
    monkeypatch.setattr(world.driver, "_info", DriverInfo("bridge", options=options))
    given = {option.name: "" for option in options}
    refused = refusal(world.net.CreateNetwork, create(options=given))
    check(refused)
    assert len(refused.faults) == 20


@pytest.mark.parametrize("number", [1, 3, 4, 20])
def test_fewer_violations_have_longer_texts(world: World, number: int) -> None:
    said = {f"key{index}": "e" * 2000 for index in range(number)}
    world.driver.trouble.fail("create", InvalidOptions("no", said))
    refused = refusal(world.net.CreateNetwork, create())
    check(refused)
    violations = refused.details["BadRequest"].field_violations
    (length,) = {len(violation.description) for violation in violations}
    assert length == {1: 700, 3: 700, 4: 600, 20: 120}[number]


def test_the_beginning_of_a_long_text_is_shown(furnished_world: World) -> None:
    request = network_pb2.GetNetworkRequest(network="blue" + LONG)
    refused = refusal(furnished_world.net.GetNetwork, request)
    assert refused.message.startswith("there is no network 'blue\\xfc")
    assert len(refused.message) < 200


def test_a_long_name_of_a_plugin_is_shortened(furnished_world: World) -> None:
    refused = refusal(furnished_world.net.CreateNetwork, create(driver="ü" * 255))
    assert refused.reason == "DRIVER_NOT_FOUND"
    check(refused)
