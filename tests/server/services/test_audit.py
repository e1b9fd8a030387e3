"""The audit log: one line for each call that may change something, without secrets."""

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from mynet.server.model.callers import Listener, Role
from mynet.server.services.front.audit import ANSWER_FIELDS, REQUEST_FIELDS, Audit, is_map
from mynet.server.services.front.methods import SERVICES
from mynet.server.services.front.roles import REQUIRED, may_change
from mynet.server.services.server import Server
from mynet.server.services.to_proto import network as to_proto
from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.polling import eventually
from tests.server.support.refusals import refusal
from tests.server.support.requests import LONG, allocate, connect, create
from tests.server.support.tls import TlsServer
from tests.server.support.world import World

METHODS = {
    f"/{service.full_name}/{method.name}": method
    for service in SERVICES
    for method in service.methods
}
CHANGING = [path for path in METHODS if may_change(path)]
SECRET = "hunter2"  # noqa: S105 - it is none
Line = Mapping[str, Any]


class Lines:
    """The lines of the audit log in memory."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def put(self, line: str) -> None:
        self.texts.append(line)

    def pop(self) -> Line:
        """Return the only line."""
        (text,) = self.texts
        self.texts.clear()
        line: Line = json.loads(text)
        return line


@pytest.fixture
def lines(world: World) -> Iterator[Lines]:
    """The lines of the calls of ``world``."""
    lines = Lines()
    world.server.front.audit = Audit(lines)
    yield lines
    world.server.front.audit = None


def fields_of(message: Descriptor) -> Iterator[FieldDescriptor]:
    """Yield the fields of a message and of those in it."""
    for field in message.fields:
        yield field
        if field.message_type and not is_map(field):
            yield from fields_of(field.message_type)


@pytest.mark.parametrize("path", CHANGING)
def test_every_text_of_a_request_is_recorded_or_left_out_on_purpose(path: str) -> None:
    left_out = {"commands", "conditions", "document", "problem", "remedy", "usage"}
    output_only = {"create_time", "endpoint_count", "id", "revision", "state"}
    inside = {"allocated", "capacity", "cooling", "free"}  # of what is left out
    known = REQUEST_FIELDS | left_out | output_only | inside
    fields = [field for field in fields_of(METHODS[path].input_type) if not is_map(field)]
    assert {field.name for field in fields} - known == set()


@pytest.mark.parametrize("path", CHANGING)
def test_an_answer_is_recorded_by_names_ids_and_addresses(path: str) -> None:
    """The other fields repeat the request, or describe what is there."""
    answer = message_factory.GetMessageClass(METHODS[path].output_type)
    kinds = {field.name for field in answer.DESCRIPTOR.fields}
    described = {"outcomes", "shortened_endpoints"}  # of a batch, whose requests have the lines
    described |= {"conditions", "unexamined", "probes", "notes", "size_bytes", "revision", "data"}
    assert kinds - ANSWER_FIELDS - described == set()


def test_exactly_the_calls_that_may_change_something_have_a_line(
    world: World, lines: Lines
) -> None:
    for path, method in METHODS.items():
        request = message_factory.GetMessageClass(method.input_type)()
        call: Any = world.channel.stream_stream(path, type(request).SerializeToString)
        with contextlib.suppress(grpc.RpcError):
            list(call(iter([request]), timeout=60))
    written = [f"/mynet.v1.{json.loads(text)['method']}" for text in lines.texts]
    assert written == CHANGING
    assert set(METHODS) - set(written) == {
        path for path, role in REQUIRED.items() if role is Role.READER
    }


def test_a_line_says_who_did_what_on_what(world: World, lines: Lines) -> None:
    network = world.network("web", labels={"team": "a"})
    line = lines.pop()
    assert line["time"].endswith("Z")
    assert line["ms"] >= 0
    assert {
        name: line[name]
        for name in ("method", "code", "reason", "principal", "role", "listener", "peer")
    } == {
        "method": "NetworkService/CreateNetwork",
        "code": "OK",
        "reason": "",
        "principal": "",
        "role": "admin",
        "listener": world.server._listeners[0].address,
        "peer": "unix:",
    }
    assert line["request"] == {
        "network": {
            "name": "web",
            "subnets": [{"cidr": "10.1.0.0/24"}],
            "labels": ["team"],
        }
    }
    assert line["answer"]["network"]["id"] == network.id

    call = world.net.Connect.future(connect("c1"), metadata=(("x-request-id", "mine"),))
    endpoint = call.result(60).endpoint
    line = lines.pop()
    assert line["request_id"] == "mine"
    assert line["request"] == {
        "network": "web",
        "container_id": "c1",
    }
    made = line["answer"]["endpoint"]
    assert (made["id"], made["addresses"]) == (endpoint.id, list(endpoint.addresses))
    assert made["network_id"] == network.id

    world.disconnect("c1")
    assert lines.pop()["answer"]["endpoints"][0]["id"] == endpoint.id
    world.delete("web")
    assert lines.pop()["request"] == {"network": "web"}


def test_each_request_of_a_batch_has_a_line(world: World, lines: Lines) -> None:
    world.network()
    lines.pop()
    batch = network_pb2.BatchConnectRequest(
        requests=[connect("c1", labels={"password": SECRET}), connect("c2", network="none")]
    )
    endpoint = world.net.BatchConnect(batch).outcomes[0].endpoint
    made, refused = map(json.loads, lines.texts)
    assert made["request_id"] == refused["request_id"]
    assert made["method"] == "NetworkService/BatchConnect"
    assert (made["place"], made["code"], made["reason"]) == (0, "OK", "")
    assert made["request"] == {"network": "web", "container_id": "c1", "labels": ["password"]}
    assert made["answer"]["endpoint"]["id"] == endpoint.id
    assert (refused["place"], refused["code"]) == (1, "NOT_FOUND")
    assert refused["reason"] == "NETWORK_NOT_FOUND"
    assert refused["request"] == {"network": "none", "container_id": "c2"}
    assert SECRET not in "".join(lines.texts)

    lines.texts.clear()
    selectors = [network_pb2.DisconnectRequest(endpoint=endpoint.id)]
    world.net.BatchDisconnect(network_pb2.BatchDisconnectRequest(requests=selectors))
    assert lines.pop()["answer"]["endpoints"][0]["id"] == endpoint.id


def test_a_batch_that_is_refused_as_a_whole_has_one_line(world: World, lines: Lines) -> None:
    batch = network_pb2.BatchConnectRequest(requests=[connect("c1"), connect("c1")])
    refusal(world.net.BatchConnect, batch)
    line = lines.pop()
    assert (line["code"], "place" in line, "answer" in line) == ("INVALID_ARGUMENT", False, False)
    assert [part["container_id"] for part in line["request"]["requests"]] == ["c1", "c1"]


def test_addresses_have_their_subnets_and_owners(world: World, lines: Lines) -> None:
    world.create_subnet("10.9.0.0/24")
    assert lines.pop()["request"] == {"subnet": {"cidr": "10.9.0.0/24"}}
    world.allocate(owner="db")
    line = lines.pop()
    assert line["request"] == {"subnet": "10.9.0.0/24", "owner": "db"}
    allocation = {"subnet": "10.9.0.0/24", "address": "10.9.0.1", "owner": "db"}
    assert line["answer"] == {"allocation": allocation}
    world.release_owner("db")
    assert lines.pop()["answer"] == {"allocations": [allocation]}


def test_a_call_that_fails_has_its_code_and_reason(world: World, lines: Lines) -> None:
    refusal(world.net.DeleteNetwork, network_pb2.DeleteNetworkRequest(network="none"))
    line = lines.pop()
    assert (line["code"], line["reason"]) == ("NOT_FOUND", "NETWORK_NOT_FOUND")
    assert line["request"] == {"network": "none"}
    assert "answer" not in line


def test_a_request_that_is_no_message_has_a_line(world: World, lines: Lines) -> None:
    call: Any = world.channel.unary_unary("/mynet.v1.NetworkService/Connect")
    with pytest.raises(grpc.RpcError):
        call(b"\xff", timeout=60)
    line = lines.pop()
    assert (line["code"], "request" in line) == ("INVALID_ARGUMENT", False)


def test_a_line_has_no_values_of_labels_and_options_and_no_document(
    world: World, lines: Lines
) -> None:
    secrets = {"password": SECRET}
    refusal(world.net.CreateNetwork, create("web", options=secrets, labels=secrets))
    world.network("web", labels=secrets)
    refusal(world.net.Connect, connect("c1", options=secrets, labels=secrets))
    world.update("web", labels=secrets)
    world.create_subnet("10.9.0.0/24")
    world.ipam.AllocateAddress(allocate(labels=secrets))
    requests = [ipam_pb2.ImportSubnetsRequest(document=f"{SECRET}\n")]
    call: Any = world.channel.stream_unary(
        "/mynet.v1.IPAMService/ImportSubnets",
        ipam_pb2.ImportSubnetsRequest.SerializeToString,
    )
    with pytest.raises(grpc.RpcError):
        call(iter(requests), timeout=60)
    assert len(lines.texts) == 7
    assert SECRET not in "".join(lines.texts)
    assert json.loads(lines.texts[0])["request"]["network"]["options"] == ["password"]


def test_hostile_texts_stay_on_one_short_line(world: World, lines: Lines) -> None:
    refusal(world.net.DeleteNetwork, network_pb2.DeleteNetworkRequest(network=LONG))
    refusal(world.net.DeleteNetwork, network_pb2.DeleteNetworkRequest(network="a\n\x1b[2J\u202e"))
    long, hostile = lines.texts
    assert len(long) < 3000
    assert hostile.isascii()
    assert hostile.isprintable()
    assert json.loads(hostile)["request"]["network"] == "a\n\x1b[2J\u202e"


def test_a_long_list_is_cut_and_its_rest_counted(world: World, lines: Lines) -> None:
    world.create_subnet("10.9.0.0/16")
    lines.pop()
    world.allocate_batch("10.9.0.0/16", count=300, owner_prefix="vm-")
    answer = lines.pop()["answer"]
    assert (len(answer["allocations"]), answer["allocations_left_out"]) == (256, 44)


def test_a_call_that_a_role_does_not_allow_has_a_line_and_reading_has_none(
    still_world: World, folder: Path
) -> None:
    lines = Lines()
    listener = Listener(f"unix://{folder}/reader", Role.READER)
    server = Server(still_world.core, [listener], 5, audit=lines)
    server.serve()
    with grpc.insecure_channel(listener.address) as channel:
        for path in METHODS:
            call: Any = channel.stream_stream(path)
            with contextlib.suppress(grpc.RpcError):
                list(call(iter([b""]), timeout=60))
    server.stop(0)
    written = [json.loads(text) for text in lines.texts]
    assert [f"/mynet.v1.{line['method']}" for line in written] == CHANGING
    assert {(line["code"], line["reason"], line["role"]) for line in written} == {
        ("PERMISSION_DENIED", "ROLE_MISSING", "reader")
    }


def test_a_principal_has_a_name_in_the_line(still_world: World, tmp_path: Path) -> None:
    tls = TlsServer(still_world, tmp_path)
    tls.give(ci=Role.READER)
    lines = Lines()
    tls.server.front.audit = Audit(lines)
    assert refusal(tls.stub("ci.example.org").CreateNetwork, create("web")).reason == "ROLE_MISSING"
    line = lines.pop()
    assert (line["principal"], line["role"]) == ("ci.example.org", "reader")
    assert line["peer"].startswith("ipv")
    tls.close()


def test_a_backup_that_its_caller_gives_up_has_a_line(
    world: World, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(_: object, file: BinaryIO) -> Iterator[network_pb2.BackupResponse]:
        file.close()
        yield from itertools.repeat(network_pb2.BackupResponse(data=bytes(1 << 16)))

    monkeypatch.setattr(to_proto, "backup_parts", endless)
    call = world.net.Backup(network_pb2.BackupRequest())
    next(call)
    assert lines.texts == []
    call.cancel()
    assert eventually(lambda: lines.texts)
    line = lines.pop()
    assert (line["method"], line["code"]) == ("NetworkService/Backup", "CANCELLED")
