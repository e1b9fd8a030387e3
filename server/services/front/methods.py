"""The methods of mynet's services, as the descriptors of the .proto files list them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from mynet.server.calls.call import Call
from mynet.server.errors import InvalidArgument, Violation
from mynet.server.services.answers import Answers
from mynet.v1 import ipam_pb2, network_pb2

SERVICES: Sequence[ServiceDescriptor] = tuple(
    service
    for module in (network_pb2, ipam_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
)


@dataclass(frozen=True, slots=True)
class Method:
    """An RPC, and the function of a servicer that answers it."""

    # The path of its requests, such as /mynet.v1.NetworkService/Connect.
    path: str
    # Returns an empty request.
    new_request: Callable[[], Message]
    # Whether the caller sends several messages, and whether it gets several.
    streams_request: bool
    streams_answer: bool
    # Whether a request has several, each with an outcome of its own.
    is_batch: bool
    # Takes a request, or an iterator of requests, and a Call. Returns an answer, or Answers.
    behaviour: Callable[[Any, Any], Any]

    @property
    def name(self) -> str:
        """The name in log lines, such as NetworkService/Connect."""
        return self.path.rpartition(".")[2]

    def answer(self, request: object, call: Call) -> Message:
        """Return the answer to a request, or to an iterator of requests."""
        answer: Message = self.behaviour(request, call)
        return answer

    def answers(self, request: object, call: Call) -> Answers:
        """Return the answer of a method that streams its answer."""
        answers: Answers = self.behaviour(request, call)
        return answers

    def further_requests(self, request: Any) -> int:  # noqa: ANN401 - a message, or an iterator
        """Return how many requests a message of a batch has, but for the first."""
        return max(0, len(request.requests) - 1) if self.is_batch else 0

    def parse(self, body: bytes) -> Message:
        """Return the request of a message's bytes. Raises InvalidArgument."""
        request = self.new_request()
        try:
            request.ParseFromString(body)
        except DecodeError as error:
            name = request.DESCRIPTOR.full_name
            raise InvalidArgument([Violation("request", f"is not a message {name}")]) from error
        return request


def methods_of(descriptor: ServiceDescriptor, servicer: object) -> Iterator[Method]:
    """Yield the methods of a service. Its servicer has a method of each name."""
    for method in descriptor.methods:
        yield _method(method, getattr(servicer, method.name))


def _method(descriptor: MethodDescriptor, behaviour: Callable[[Any, Any], Any]) -> Method:
    return Method(
        f"/{descriptor.containing_service.full_name}/{descriptor.name}",
        message_factory.GetMessageClass(descriptor.input_type),
        descriptor.client_streaming,
        descriptor.server_streaming,
        "requests" in descriptor.input_type.fields_by_name,
        behaviour,
    )
