"""Refused calls: their status unpacked, and the claim that they changed nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.world import World

_DETAILS = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.ResourceInfo,
    error_details_pb2.PreconditionFailure,
    error_details_pb2.QuotaFailure,
    error_details_pb2.RetryInfo,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status that is not OK, unpacked."""

    code: str
    reason: str
    domain: str
    message: str
    metadata: Mapping[str, str]
    details: Mapping[str, Any]
    detail_bytes: int
    trailer_bytes: int

    @property
    def short(self) -> tuple[str, str]:
        """The status code and the reason."""
        return self.code, self.reason

    @property
    def kinds(self) -> set[str]:
        """The types of the details other than ErrorInfo."""
        return self.details.keys() - {"ErrorInfo"}

    @property
    def faults(self) -> Sequence[str]:
        """The paths of the fields with violations."""
        return [fault.field for fault in self.details["BadRequest"].field_violations]


def refusal(method: Callable[..., Any], request: object, *, timeout: float = 20.0) -> Refusal:
    """Make a call that must be refused, and return how it was refused."""
    try:
        answer = method(request, timeout=timeout)
        if isinstance(answer, Iterator):  # of a method that streams its answer
            answer = [*answer]
    except grpc.RpcError as error:
        return unpacked(error)
    raise AssertionError(f"not refused: {answer}")


def unpacked(error: grpc.RpcError) -> Refusal:
    """Unpack a call's error with all its details."""
    call = cast("grpc.Call", error)
    status = rpc_status.from_call(call)
    packed = status.details if status else ()
    kinds = {kind.DESCRIPTOR.full_name: kind for kind in _DETAILS}
    details = {}
    for each in packed:
        detail = kinds[each.TypeName()]()
        each.Unpack(detail)
        details[type(detail).__name__] = detail
    info = details.get("ErrorInfo", error_details_pb2.ErrorInfo())
    return Refusal(
        code=call.code().name,
        reason=info.reason,
        domain=info.domain,
        message=call.details() or "",
        metadata=dict(info.metadata),
        details=details,
        detail_bytes=sum(detail.ByteSize() for detail in packed),
        trailer_bytes=_size_on_the_wire(call),
    )


def _size_on_the_wire(call: grpc.Call) -> int:
    """Count as HTTP/2 does, RFC 9113 6.5.2: 32 bytes for each field, binary ones in base64.

    The message travels percent-encoded, in a field that the client does not show as one.
    """
    fields = [*(call.trailing_metadata() or ()), ("grpc-status", "00")]
    sizes = [32 + len(key) + _encoded(key, value) for key, value in fields]
    message = (call.details() or "").encode()
    return sum(sizes) + 32 + len("grpc-message") + sum(_percent(byte) for byte in message)


def _encoded(key: str, value: str | bytes) -> int:
    return -(-len(value) * 4 // 3) if key.endswith("-bin") else len(value)


def _percent(byte: int) -> int:
    return 1 if 0x20 <= byte <= 0x7E and byte != ord("%") else 3


def require_violations(
    world: World, method: Callable[..., Any], request: object, faults: Sequence[str]
) -> None:
    """Assert that a call is refused for these fields, each with a description."""
    before = world.state()
    refused = refusal(method, request)
    assert refused.short == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert refused.faults == faults
    violations = refused.details["BadRequest"].field_violations
    assert all(violation.description for violation in violations)
    assert world.state() == before


def check(world: World, verb: str, fields: dict[str, Any], faults: Sequence[str]) -> None:
    """Assert the same of a verb by its name, and a request with these fields."""
    stub, module = (world.ipam, ipam_pb2) if hasattr(world.ipam, verb) else (world.net, network_pb2)
    require_violations(
        world, getattr(stub, verb), getattr(module, f"{verb}Request")(**fields), faults
    )
