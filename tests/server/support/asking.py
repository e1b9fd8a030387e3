"""Requests to make, and refusals to look at."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from mynet.v1 import ipam_pb2, network_pb2

LONG = "ü" * 2**19  # 1 MiB

_DETAILS = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.ResourceInfo,
    error_details_pb2.PreconditionFailure,
    error_details_pb2.QuotaFailure,
    error_details_pb2.RetryInfo,
)


def create(name: str = "web", *cidrs: str, **fields: Any) -> network_pb2.CreateNetworkRequest:
    """Ask for a network, on 10.1.0.0/24 unless told otherwise."""
    allow_existing = fields.pop("allow_existing", False)
    subnets = [ipam_pb2.Subnet(cidr=cidr) for cidr in cidrs or ("10.1.0.0/24",)]
    return network_pb2.CreateNetworkRequest(
        network=network_pb2.Network(name=name, **{"subnets": subnets, **fields}),
        allow_existing=allow_existing,
    )


def connect(container: str = "c1", **fields: Any) -> network_pb2.ConnectRequest:
    """Ask for an endpoint on network web, unless told otherwise."""
    return network_pb2.ConnectRequest(container_id=container, **{"network": "web", **fields})


def change(network: str = "web", **fields: Any) -> network_pb2.UpdateNetworkRequest:
    """Ask for a change of network web, unless told otherwise."""
    return network_pb2.UpdateNetworkRequest(network=network, **fields)


def change_endpoint(container: str = "c1", **fields: Any) -> network_pb2.UpdateEndpointRequest:
    """Ask for a change of an endpoint on network web, unless told otherwise."""
    return network_pb2.UpdateEndpointRequest(container_id=container, **{"network": "web", **fields})


def allocate(subnet: str = "10.9.0.0/24", **fields: Any) -> ipam_pb2.AllocateAddressRequest:
    """Ask for an address."""
    return ipam_pb2.AllocateAddressRequest(subnet=subnet, **fields)


def create_subnet(
    cidr: str = "10.9.0.0/24", *, backend: str = "", **fields: Any
) -> ipam_pb2.CreateSubnetRequest:
    """Ask for a subnet in the book."""
    subnet = ipam_pb2.Subnet(cidr=cidr, **fields)
    return ipam_pb2.CreateSubnetRequest(subnet=subnet, backend=backend)


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
        """What a program acts on."""
        return self.code, self.reason

    @property
    def kinds(self) -> set[str]:
        """Which details there are beside ErrorInfo."""
        return self.details.keys() - {"ErrorInfo"}

    @property
    def faults(self) -> Sequence[str]:
        """The paths of the fields with a fault."""
        return [fault.field for fault in self.details["BadRequest"].field_violations]


def refusal(method: Callable[..., Any], request: object, *, timeout: float = 20.0) -> Refusal:
    """Make a call that has to be refused, and tell how it was."""
    try:
        answer = method(request, timeout=timeout)
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
        detail_bytes=sum(each.ByteSize() for each in packed),
        trailer_bytes=_size_on_the_wire(call),
    )


def shown(value: object) -> str:
    """Name a test's case by what it is given, however long that is."""
    return ascii(value)[:40]


def eventually(condition: Callable[[], object], seconds: float = 5.0) -> bool:
    """Wait until something is the case; say whether it came to be."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


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
