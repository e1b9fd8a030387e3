"""One run of mynetctl against one daemon: calls, and what their failures come to.

Requests and answers are plain dicts in the JSON form of the messages, so a command is: say what is
asked, call, show what came.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import click

DEFAULT_ADDRESS = "unix:///run/mynet/mynetd.sock"

_MODULES = {"NetworkService": "network", "IPAMService": "ipam"}
_PAGE = 1000

Message = Mapping[str, Any]


class Failed(click.ClickException):
    """The daemon answered with an error: one line, and exit status 1."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        """Print the line."""
        click.echo(f"mynetctl: {self.message}", file=file or sys.stderr)


class Unreachable(Failed):
    """Nobody answered: exit status 3."""

    exit_code = 3


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
        import grpc
        from google.protobuf import json_format

        service, method = verb.split(".")
        descriptor = _descriptor(service, method)
        try:
            message = json_format.ParseDict(dict(request), descriptor.input_class())
        except json_format.ParseError as error:
            raise click.UsageError(str(error)) from error
        with grpc.insecure_channel(self.address) as channel:
            call = channel.unary_unary(
                f"/mynet.v1.{service}/{method}",
                request_serializer=descriptor.input_class.SerializeToString,
                response_deserializer=descriptor.output_class.FromString,
            )
            try:
                answer = call(message, timeout=self.timeout)
            except grpc.RpcError as error:
                self._fail(error)
        return json_format.MessageToDict(
            answer,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )

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

    def _fail(self, error: Any) -> NoReturn:  # an RpcError, which is the call too
        from grpc_status import rpc_status

        status = rpc_status.from_call(error)
        if status is not None:
            reason, faults = _details(status)
            raise Failed(_line(reason, "; ".join(faults) or status.message)) from error
        if error.code().name == "UNAVAILABLE":
            raise Unreachable(
                f"UNREACHABLE: no mynetd answers at {self.address}; start it (mynetd), or say"
                " where it is with --address"
            ) from error
        raise Failed(_line(error.code().name, error.details())) from error


@dataclass(frozen=True, slots=True)
class _Verb:
    """The message classes of a verb."""

    input_class: Any
    output_class: Any


def _line(reason: str, text: str) -> str:
    return f"{reason}: {' '.join(text.split())}"


def _descriptor(service: str, method: str) -> _Verb:
    from importlib import import_module

    from google.protobuf.message_factory import GetMessageClass

    module = import_module(f"mynet.v1.{_MODULES[service]}_pb2")
    found = module.DESCRIPTOR.services_by_name[service].methods_by_name[method]
    return _Verb(GetMessageClass(found.input_type), GetMessageClass(found.output_type))


def _details(status: Any) -> tuple[str, Sequence[str]]:
    """Return the reason, and every fault of a request that has some."""
    from google.rpc import error_details_pb2

    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        for kind in (info, request):
            if detail.Is(kind.DESCRIPTOR):
                detail.Unpack(kind)
    return info.reason, [f"{each.field}: {each.description}" for each in request.field_violations]
