"""One run of mynetctl against one daemon.

Requests and answers are plain dicts in the JSON form of the messages, so a command is: say what is
asked, call, show what came.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from mynet.cli.errors import from_rpc

DEFAULT_ADDRESS = "unix:///run/mynet/mynetd.sock"

_MODULES = {"NetworkService": "mynet.v1.network_pb2", "IPAMService": "mynet.v1.ipam_pb2"}
_PAGE = 1000
_CHANNEL = (
    ("grpc.enable_http_proxy", 0),  # a proxy for the web is none for the daemon
    ("grpc.max_receive_message_length", -1),  # a page of networks with many labels is long
)

Message = Mapping[str, Any]


def prepare() -> None:
    """Import what a call needs, which takes longer than the call."""
    # What grpc's core says of its connections is for its developers; set before its import.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    for module in ("grpc", "google.protobuf.json_format", *_MODULES.values()):
        import_module(module)


@dataclass(slots=True)
class Session:
    """Where the daemon is, how long to wait for it (seconds), and how to show what it says."""

    address: str = DEFAULT_ADDRESS
    timeout: float = 60.0
    output: str = "table"

    def call(self, verb: str, request: Message) -> dict[str, Any]:
        """Call ``Service.Verb``; fields keep their names, and those that are empty are there too.

        Raises Failed and Unreachable.
        """
        prepare()
        import grpc
        from google.protobuf import json_format

        service, method = verb.split(".")
        descriptor = _descriptor(service, method)
        try:
            message = json_format.ParseDict(dict(request), descriptor.input_class())
        except json_format.ParseError as error:  # arguments that are no UTF-8
            raise click.UsageError(str(error)) from error
        with grpc.insecure_channel(self.address, _CHANNEL) as channel:
            call = channel.unary_unary(
                f"/mynet.v1.{service}/{method}",
                request_serializer=descriptor.input_class.SerializeToString,
                response_deserializer=descriptor.output_class.FromString,
            )
            try:
                answer = call(message, timeout=self.timeout)
            except grpc.RpcError as error:
                raise from_rpc(error, self.address, self.timeout) from error
        found = json_format.MessageToDict(
            answer,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        return _in_order(found, answer.DESCRIPTOR)

    def pages(self, verb: str, request: Message, field: str) -> list[dict[str, Any]]:
        """Call a list verb until its last page, and return all items."""
        items: list[dict[str, Any]] = []
        token = ""
        while True:
            answer = self.call(verb, {**request, "page_size": _PAGE, "page_token": token})
            items += answer[field]
            token = answer["next_page_token"]
            if not token:
                return items


@dataclass(frozen=True, slots=True)
class _Verb:
    """The message classes of a verb."""

    input_class: Any
    output_class: Any


def _descriptor(service: str, method: str) -> _Verb:
    from google.protobuf.message_factory import GetMessageClass

    module = import_module(_MODULES[service])
    found = module.DESCRIPTOR.services_by_name[service].methods_by_name[method]
    return _Verb(GetMessageClass(found.input_type), GetMessageClass(found.output_type))


def _in_order(found: Message, descriptor: Any) -> dict[str, Any]:
    """Put a message's fields into the order of the .proto files; protobuf has the empty ones last.

    Maps and timestamps stay as they are: to JSON they are objects and texts, not messages.
    """

    def item(field: Any, value: Any) -> Any:
        kind = field.message_type
        if isinstance(value, list):
            return [item(field, each) for each in value]
        if isinstance(value, dict) and not kind.GetOptions().map_entry:
            return _in_order(value, kind)
        return value

    fields = [field for field in descriptor.fields if field.name in found]
    return {field.name: item(field, found[field.name]) for field in fields}
