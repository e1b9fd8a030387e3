"""gRPC calls to the daemon.

Requests and answers are dicts in the JSON form of the messages.
"""

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import click

from mynet.cli import files
from mynet.cli.errors import from_rpc
from mynet.cli.target import Target

_MODULES = {"NetworkService": "mynet.v1.network_pb2", "IPAMService": "mynet.v1.ipam_pb2"}
_PAGE_SIZE = 1000
_PART = 1 << 18  # characters of a document in one message
_CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),  # the proxy in http_proxy cannot reach the daemon
    ("grpc.max_receive_message_length", -1),  # a page of networks with many labels is long
)

Message = Mapping[str, Any]


def prepare() -> None:
    """Import the modules that a call needs. The imports take longer than the call."""
    # grpc reads it when it is imported. Its own log lines are not for users.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    for module in ("grpc", "google.protobuf.json_format", *_MODULES.values()):
        import_module(module)
    gc.freeze()  # Python would search all that is imported for garbage once more when it ends


@dataclass
class Session:
    """The global options of one run of mynetctl."""

    # Returns the daemon to call. Raises click.UsageError and Failed.
    choose: Callable[[], Target] = Target
    # How long to wait for an answer, in seconds.
    timeout: float = 60.0
    # The output format.
    output: str = "table"

    @cached_property
    def target(self) -> Target:
        """The daemon to call. Raises click.UsageError and Failed."""
        return self.choose()

    def call(self, verb: str, request: Message) -> dict[str, Any]:
        """Call ``Service.Verb`` and return the answer, with empty fields.

        The documents of several answers are joined. Raises Failed or Unreachable.
        """
        answers = self.stream(verb, request)
        answer = next(answers)
        documents = [each.document for each in answers]
        if documents:
            answer.document = "".join([answer.document, *documents])
        return fields_of(answer)

    def stream(self, verb: str, request: Message) -> Iterator[Any]:
        """Call ``Service.Verb`` and yield its answers as messages. Raises Failed or Unreachable."""
        prepare()
        import grpc
        from google.protobuf import json_format
        from google.protobuf.message_factory import GetMessageClass

        service, name = verb.split(".")
        services = import_module(_MODULES[service]).DESCRIPTOR.services_by_name
        method = services[service].methods_by_name[name]
        try:
            message = json_format.ParseDict(dict(request), GetMessageClass(method.input_type)())
        except json_format.ParseError as error:  # such as an argument that is not UTF-8
            raise click.UsageError(str(error)) from error
        with _channel(self.target) as channel:
            call = channel.stream_stream(  # a stream of one message is the same as one message
                f"/mynet.v1.{service}/{name}",
                request_serializer=type(message).SerializeToString,
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            requests = _in_parts(message) if method.client_streaming else iter([message])
            try:
                yield from call(requests, timeout=self.timeout)
            except grpc.RpcError as error:
                raise from_rpc(
                    error, self.target.address, self.timeout, has_tls=self.target.tls is not None
                ) from error

    def pages(self, verb: str, request: Message, field: str) -> list[dict[str, Any]]:
        """Call a list verb for all its pages, and return the items.

        Raises Failed or Unreachable.
        """
        items: list[dict[str, Any]] = []
        token = ""
        while True:
            answer = self.call(verb, {**request, "page_size": _PAGE_SIZE, "page_token": token})
            items += answer[field]
            token = answer["next_page_token"]
            if not token:
                return items


def _channel(target: Target) -> Any:
    """Return a channel to a daemon. Raises Failed if a certificate cannot be read."""
    import grpc

    if target.tls is None:
        return grpc.insecure_channel(target.address, _CHANNEL_OPTIONS)
    paths = (target.tls.ca, target.tls.key, target.tls.cert)
    credentials = grpc.ssl_channel_credentials(*map(files.read_bytes, paths))
    return grpc.secure_channel(target.address, credentials, _CHANNEL_OPTIONS)


def _in_parts(message: Any) -> Iterator[Any]:
    """Yield a request with a document as requests with its parts."""
    document = message.document
    message.document = document[:_PART]
    yield message
    for begin in range(_PART, len(document), _PART):
        yield type(message)(document=document[begin : begin + _PART])


def fields_of(message: Any) -> dict[str, Any]:
    """Return a message as a dict, with its empty fields, in the order of the .proto files."""
    from google.protobuf import json_format

    fields = json_format.MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    return _in_order(fields, message.DESCRIPTOR)


def _in_order(message: Message, descriptor: Any) -> dict[str, Any]:
    """Return a message with its fields in the order of the .proto files.

    protobuf puts empty fields last. Maps and timestamps stay as they are: in JSON they are objects
    and strings, not messages.
    """

    def ordered(field: Any, value: Any) -> Any:
        kind = field.message_type
        if isinstance(value, list):
            return [ordered(field, item) for item in value]
        if isinstance(value, dict) and not kind.GetOptions().map_entry:
            return _in_order(value, kind)
        return value

    fields = [field for field in descriptor.fields if field.name in message]
    return {field.name: ordered(field, message[field.name]) for field in fields}
