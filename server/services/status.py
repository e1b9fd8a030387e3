"""The table of errors: the status code and the reason of each error of the core and the contracts.

A test fails if an error has no row. docs/errors.md documents the table for callers.
"""

import math
from collections.abc import Iterator

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from mynet.drivers import errors as drivers
from mynet.ipam import errors as ipam
from mynet.server import errors

DOMAIN = "mynet"
_CODES = grpc.StatusCode

Row = tuple[grpc.StatusCode, str]

TABLE: dict[type[Exception], Row] = {
    errors.InvalidArgument: (_CODES.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    errors.Ambiguous: (_CODES.INVALID_ARGUMENT, "AMBIGUOUS"),
    drivers.InvalidOptions: (_CODES.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    errors.NetworkNotFound: (_CODES.NOT_FOUND, "NETWORK_NOT_FOUND"),
    errors.EndpointNotFound: (_CODES.NOT_FOUND, "ENDPOINT_NOT_FOUND"),
    errors.SubnetNotFound: (_CODES.NOT_FOUND, "SUBNET_NOT_FOUND"),
    errors.DriverNotFound: (_CODES.NOT_FOUND, "DRIVER_NOT_FOUND"),
    errors.BackendNotFound: (_CODES.NOT_FOUND, "BACKEND_NOT_FOUND"),
    drivers.SandboxNotFound: (_CODES.NOT_FOUND, "SANDBOX_NOT_FOUND"),
    ipam.SubnetNotFound: (_CODES.NOT_FOUND, "SUBNET_NOT_FOUND"),
    ipam.AllocationNotFound: (_CODES.NOT_FOUND, "ALLOCATION_NOT_FOUND"),
    errors.NetworkExists: (_CODES.ALREADY_EXISTS, "NETWORK_EXISTS"),
    errors.EndpointExists: (_CODES.ALREADY_EXISTS, "ENDPOINT_EXISTS"),
    errors.SubnetExists: (_CODES.ALREADY_EXISTS, "SUBNET_EXISTS"),
    ipam.AddressInUse: (_CODES.ALREADY_EXISTS, "ADDRESS_IN_USE"),
    drivers.PortInUse: (_CODES.ALREADY_EXISTS, "PORT_IN_USE"),
    errors.NetworkInUse: (_CODES.FAILED_PRECONDITION, "NETWORK_IN_USE"),
    errors.SubnetOverlap: (_CODES.FAILED_PRECONDITION, "SUBNET_OVERLAP"),
    errors.SubnetInUse: (_CODES.FAILED_PRECONDITION, "SUBNET_IN_USE"),
    errors.AddressOwned: (_CODES.FAILED_PRECONDITION, "ADDRESS_OWNED"),
    ipam.SubnetInUse: (_CODES.FAILED_PRECONDITION, "SUBNET_IN_USE"),
    ipam.AddressReserved: (_CODES.FAILED_PRECONDITION, "ADDRESS_RESERVED"),
    ipam.OwnerMismatch: (_CODES.FAILED_PRECONDITION, "OWNER_MISMATCH"),
    drivers.InterfaceExists: (_CODES.FAILED_PRECONDITION, "INTERFACE_EXISTS"),
    ipam.AddressOutOfRange: (_CODES.OUT_OF_RANGE, "ADDRESS_OUT_OF_RANGE"),
    ipam.SubnetExhausted: (_CODES.RESOURCE_EXHAUSTED, "SUBNET_EXHAUSTED"),
    errors.RoleMissing: (_CODES.PERMISSION_DENIED, "ROLE_MISSING"),
    errors.OutOfScope: (_CODES.PERMISSION_DENIED, "OUT_OF_SCOPE"),
    errors.TlsTooOld: (_CODES.UNAUTHENTICATED, "TLS_TOO_OLD"),
    errors.LimitExceeded: (_CODES.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"),
    errors.PoolsExhausted: (_CODES.RESOURCE_EXHAUSTED, "POOLS_EXHAUSTED"),
    drivers.PortsExhausted: (_CODES.RESOURCE_EXHAUSTED, "PORTS_EXHAUSTED"),
    drivers.BridgeFull: (_CODES.RESOURCE_EXHAUSTED, "BRIDGE_FULL"),
    errors.Busy: (_CODES.ABORTED, "BUSY"),
    errors.Starting: (_CODES.UNAVAILABLE, "STARTING"),
    errors.ShuttingDown: (_CODES.UNAVAILABLE, "SHUTTING_DOWN"),
    ipam.StoreUnavailable: (_CODES.UNAVAILABLE, "STORE_UNAVAILABLE"),
    drivers.CapabilityUnsupported: (_CODES.UNIMPLEMENTED, "CAPABILITY_UNSUPPORTED"),
    drivers.PrivilegeMissing: (_CODES.PERMISSION_DENIED, "PRIVILEGE_MISSING"),
    errors.PluginTimeout: (_CODES.DEADLINE_EXCEEDED, "PLUGIN_TIMEOUT"),
    errors.CallerGone: (_CODES.CANCELLED, "CALLER_GONE"),
    drivers.KernelError: (_CODES.INTERNAL, "KERNEL_ERROR"),
    drivers.DriverError: (_CODES.INTERNAL, "DRIVER_ERROR"),
    ipam.StoreDamaged: (_CODES.INTERNAL, "BACKEND_ERROR"),
    ipam.IpamError: (_CODES.INTERNAL, "BACKEND_ERROR"),
}

_BUG: Row = (_CODES.INTERNAL, "INTERNAL")
# grpc allows 8 KiB for all trailers. They have the message twice, once percent-encoded, and the
# details in base64. So a message has at most 700 bytes, and all details together have less than
# 4 KiB. The violations of a request share that space.
_MESSAGE = 700
_TEXT = 150
_NAME = 48
_VIOLATIONS_TOTAL = 2400
_SHOWN_VIOLATIONS = 20


def to_status(error: Exception) -> status_pb2.Status:
    """Return the status of an error, with its details."""
    code, reason = row_of(type(error))
    message = str(error)
    if (code, reason) == _BUG:
        message = f"mynetd has a bug: {type(error).__name__}; its log has more. Please report it"
    status = status_pb2.Status(code=code_pb2.Code.Value(code.name), message=_cut(message, _MESSAGE))
    for detail in _details(code, reason, error, status.message):
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def row_of(kind: type[Exception]) -> Row:
    """Return the code and reason of an error; an unknown error is a bug of the daemon."""
    return next((TABLE[base] for base in kind.__mro__ if base in TABLE), _BUG)


def _details(
    code: grpc.StatusCode, reason: str, error: Exception, message: str
) -> Iterator[Message]:
    """Yield the details for programs. The code determines their types, as google.rpc intends."""
    resource = _cut(getattr(error, "resource", ""), _TEXT)
    # Violations of the request have details of their own, and there is no space for both.
    metadata = {} if code is _CODES.INVALID_ARGUMENT else getattr(error, "metadata", {})
    yield error_details_pb2.ErrorInfo(
        reason=reason,
        domain=DOMAIN,
        metadata={
            _cut(key, _NAME): _cut(value, _TEXT) for key, value in list(metadata.items())[:8]
        },
    )
    if code is _CODES.INVALID_ARGUMENT:
        yield from _bad_request(error)
    if code in (_CODES.NOT_FOUND, _CODES.ALREADY_EXISTS):
        kind, _, name = resource.partition(" ")
        holder = _cut(getattr(error, "holder", ""), _TEXT)
        yield error_details_pb2.ResourceInfo(
            resource_type=kind, resource_name=name, owner=holder, description=_cut(message, _TEXT)
        )
    if code is _CODES.FAILED_PRECONDITION:
        failure = error_details_pb2.PreconditionFailure()
        failure.violations.add(type=reason, subject=resource, description=_cut(message, _TEXT))
        yield failure
    if code is _CODES.RESOURCE_EXHAUSTED:
        quota = error_details_pb2.QuotaFailure()
        quota.violations.add(subject=resource, description=_cut(message, _TEXT))
        yield quota
    seconds = getattr(error, "retry_after", 0.0)
    if code in (_CODES.ABORTED, _CODES.UNAVAILABLE):
        seconds = seconds or 1.0
    if seconds:
        delay = Duration()
        delay.FromMilliseconds(math.ceil(seconds * 1000))
        yield error_details_pb2.RetryInfo(retry_delay=delay)


def _bad_request(error: Exception) -> Iterator[Message]:
    violations = getattr(error, "violations", ())
    if isinstance(error, drivers.InvalidOptions):
        violations = [
            errors.Violation(f"network.options[{key}]", error.violations[key]) for key in violations
        ]
    if shown := violations[:_SHOWN_VIOLATIONS]:
        request = error_details_pb2.BadRequest()
        longest = min(_MESSAGE, _VIOLATIONS_TOTAL // len(shown))
        for violation in shown:
            request.field_violations.add(
                field=_cut(violation.field, _NAME), description=_cut(violation.description, longest)
            )
        yield request


def _cut(text: object, length: int) -> str:
    """Return a text, which may come from a plugin, in at most ``length`` bytes of UTF-8."""
    encoded = str(text).encode(errors="replace")
    if len(encoded) <= length:
        return encoded.decode()
    return encoded[: length - 3].decode(errors="ignore") + "..."
