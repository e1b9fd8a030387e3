"""Roles: which method a caller may call by the address that it calls."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory

from mynet.server.model.callers import Listener, Role
from mynet.server.services.front.methods import SERVICES
from mynet.server.services.front.roles import REQUIRED
from mynet.server.services.server import Server
from tests.server.support.refusals import Refusal, unpacked
from tests.server.support.world import World

METHODS = {
    f"/{service.full_name}/{method.name}": method
    for service in SERVICES
    for method in service.methods
}
READING = ("Get", "List", "Check", "Export")
ALWAYS = ("/grpc.health.v1.Health/Check",)


@pytest.fixture
def channels(still_world: World, folder: Path) -> Iterator[dict[Role, grpc.Channel]]:
    """A channel to a listener of each role, all of one server."""
    listeners = [Listener(f"unix://{folder}/{role.name}", role) for role in Role]
    server = Server(still_world.core, listeners, 5)
    server.serve()
    channels = {listener.role: grpc.insecure_channel(listener.address) for listener in listeners}
    yield channels
    for channel in channels.values():
        channel.close()
    server.stop(0)


def refused(channel: grpc.Channel, path: str) -> Refusal | None:
    """Call a method with an empty request; return how it was refused, if it was."""
    request = message_factory.GetMessageClass(METHODS[path].input_type)()
    call: Any = channel.stream_stream(path, type(request).SerializeToString)
    try:
        list(call(iter([request]), timeout=60))
    except grpc.RpcError as error:
        return unpacked(error)
    return None


def test_every_method_has_a_role() -> None:
    assert REQUIRED.keys() == METHODS.keys()


def test_a_reader_may_call_what_changes_nothing_and_nothing_else() -> None:
    reading = {path for path in REQUIRED if path.rpartition("/")[2].startswith(READING)}
    assert {path for path in REQUIRED if REQUIRED[path] is Role.READER} == reading


@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize("role", Role)
def test_a_call_needs_the_role_of_its_method(
    still_world: World, channels: dict[Role, grpc.Channel], path: str, role: Role
) -> None:
    before = still_world.state()
    refusal = refused(channels[role], path)
    if role >= REQUIRED[path]:
        assert refusal is None or refusal.reason != "ROLE_MISSING"
        return
    assert refusal
    assert refusal.short == ("PERMISSION_DENIED", "ROLE_MISSING")
    required = REQUIRED[path].name.lower()
    assert refusal.metadata == {"role": role.name.lower(), "required": required}
    assert f"needs the role {required}" in refusal.message
    assert still_world.state() == before


def test_a_call_that_is_not_allowed_is_refused_before_its_request_is_sent(
    channels: dict[Role, grpc.Channel],
) -> None:
    call: Any = channels[Role.READER].stream_stream("/mynet.v1.NetworkService/CreateNetwork")
    endless: Iterator[bytes] = iter(lambda: b"", None)
    with pytest.raises(grpc.RpcError) as caught:
        list(call(endless, timeout=60))
    assert unpacked(caught.value).reason == "ROLE_MISSING"


@pytest.mark.parametrize("role", Role)
def test_health_needs_no_role(channels: dict[Role, grpc.Channel], role: Role) -> None:
    for path in ALWAYS:
        call: Any = channels[role].unary_unary(path)
        assert call(b"", timeout=60) == b"\x08\x01"
