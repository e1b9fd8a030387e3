"""A fake daemon: it records the requests and gives the answers that a test sets."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from mynet.v1 import ipam_pb2, network_pb2

JSON = Mapping[str, Any]

_METHODS = {
    f"/{service.full_name}/{method.name}": method
    for module in (network_pb2, ipam_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@dataclass(frozen=True)
class Refusal(Exception):
    """An error answer in the form of mynetd's."""

    code: str
    reason: str
    message: str
    faults: Mapping[str, str] = field(default_factory=dict)

    def status(self) -> status_pb2.Status:
        status = status_pb2.Status(code=code_pb2.Code.Value(self.code), message=self.message)
        for detail in self._details():
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
        return status

    def _details(self) -> Iterator[Any]:
        if self.reason:
            yield error_details_pb2.ErrorInfo(domain="mynet", reason=self.reason)
        if self.faults:
            request = error_details_pb2.BadRequest()
            for path, description in self.faults.items():
                request.field_violations.add(field=path, description=description)
            yield request


Answer = JSON | Exception | Callable[[JSON], JSON]


class FakeDaemon(grpc.GenericRpcHandler):
    """Serve every verb of the API, on a unix socket and on a TCP port.

    ``asked`` has the requests, as (verb, request in JSON form without empty fields). The answers
    are those that :meth:`answer` set for the verb: messages in JSON form, errors, or functions of
    the request. Of several, each is given once, and the last one from then on. By default the
    answer is an empty message.
    """

    def __init__(self, socket: Path, tls: grpc.ServerCredentials | None = None) -> None:
        """Serve. With TLS, the TCP port is ``tls_port``."""
        self.socket = socket
        self.address = f"unix://{socket}"
        self.asked: list[tuple[str, JSON]] = []
        self._answers: dict[str, list[Answer]] = {}
        self._server = grpc.server(ThreadPoolExecutor(8), handlers=[self])
        self._server.add_insecure_port(f"unix:{socket}")
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.tls_port = self._server.add_secure_port("127.0.0.1:0", tls) if tls else 0
        self._server.start()

    def answer(self, verb: str, *answers: Answer) -> None:
        self._answers[verb] = list(answers)

    def forget(self) -> None:
        """Delete the requests and the answers."""
        self.asked.clear()
        self._answers.clear()

    def close(self) -> None:
        self._server.stop(grace=None).wait()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        name = handler_call_details.method
        if name not in _METHODS:
            return None
        method = _METHODS[name]
        verb = name.rpartition("/")[2]

        def behave(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
            request = next(requests)
            for part in requests:
                request.document += part.document
            answer = GetMessageClass(method.output_type)()
            try:
                json_format.ParseDict(dict(self._answer(verb, request)), answer)
            except Refusal as refusal:
                context.abort_with_status(rpc_status.to_status(refusal.status()))
            return answer

        return grpc.stream_unary_rpc_method_handler(
            behave,
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )

    def _answer(self, verb: str, request: Any) -> JSON:
        said = json_format.MessageToDict(request, preserving_proto_field_name=True)
        self.asked.append((verb, said))
        waiting = self._answers.get(verb, [{}])
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(said) if callable(answer) else answer
