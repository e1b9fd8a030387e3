"""The contract of errors: the code, the reason and the details of each error class."""

import inspect
from types import ModuleType

from mynet.drivers import errors as drivers
from mynet.ipam import errors as ipam
from mynet.server import errors

BAD_REQUEST, RESOURCE, RETRY = {"BadRequest"}, {"ResourceInfo"}, {"RetryInfo"}
PRECONDITION, QUOTA = {"PreconditionFailure"}, {"QuotaFailure"}
NOTHING: set[str] = set()

PROMISED: dict[type[Exception], tuple[str, str, set[str]]] = {
    errors.InvalidArgument: ("INVALID_ARGUMENT", "INVALID_ARGUMENT", BAD_REQUEST),
    errors.Ambiguous: ("INVALID_ARGUMENT", "AMBIGUOUS", BAD_REQUEST),
    errors.NetworkNotFound: ("NOT_FOUND", "NETWORK_NOT_FOUND", RESOURCE),
    errors.EndpointNotFound: ("NOT_FOUND", "ENDPOINT_NOT_FOUND", RESOURCE),
    errors.SubnetNotFound: ("NOT_FOUND", "SUBNET_NOT_FOUND", RESOURCE),
    errors.DriverNotFound: ("NOT_FOUND", "DRIVER_NOT_FOUND", RESOURCE),
    errors.BackendNotFound: ("NOT_FOUND", "BACKEND_NOT_FOUND", RESOURCE),
    errors.NetworkExists: ("ALREADY_EXISTS", "NETWORK_EXISTS", RESOURCE),
    errors.EndpointExists: ("ALREADY_EXISTS", "ENDPOINT_EXISTS", RESOURCE),
    errors.NetworkInUse: ("FAILED_PRECONDITION", "NETWORK_IN_USE", PRECONDITION),
    errors.SubnetOverlap: ("FAILED_PRECONDITION", "SUBNET_OVERLAP", PRECONDITION),
    errors.SubnetExists: ("ALREADY_EXISTS", "SUBNET_EXISTS", RESOURCE),
    errors.SubnetInUse: ("FAILED_PRECONDITION", "SUBNET_IN_USE", PRECONDITION),
    errors.RoleMissing: ("PERMISSION_DENIED", "ROLE_MISSING", NOTHING),
    errors.OutOfScope: ("PERMISSION_DENIED", "OUT_OF_SCOPE", NOTHING),
    errors.TlsTooOld: ("UNAUTHENTICATED", "TLS_TOO_OLD", NOTHING),
    errors.LimitExceeded: ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", QUOTA),
    errors.PoolsExhausted: ("RESOURCE_EXHAUSTED", "POOLS_EXHAUSTED", QUOTA),
    errors.AddressOwned: ("FAILED_PRECONDITION", "ADDRESS_OWNED", PRECONDITION),
    errors.Busy: ("ABORTED", "BUSY", RETRY),
    errors.Starting: ("UNAVAILABLE", "STARTING", RETRY),
    errors.ShuttingDown: ("UNAVAILABLE", "SHUTTING_DOWN", RETRY),
    errors.PluginTimeout: ("DEADLINE_EXCEEDED", "PLUGIN_TIMEOUT", NOTHING),
    errors.CallerGone: ("CANCELLED", "CALLER_GONE", NOTHING),
    drivers.InvalidOptions: ("INVALID_ARGUMENT", "INVALID_ARGUMENT", BAD_REQUEST),
    drivers.SandboxNotFound: ("NOT_FOUND", "SANDBOX_NOT_FOUND", RESOURCE),
    drivers.InterfaceExists: ("FAILED_PRECONDITION", "INTERFACE_EXISTS", PRECONDITION),
    drivers.PortInUse: ("ALREADY_EXISTS", "PORT_IN_USE", RESOURCE),
    drivers.PortsExhausted: ("RESOURCE_EXHAUSTED", "PORTS_EXHAUSTED", QUOTA),
    drivers.BridgeFull: ("RESOURCE_EXHAUSTED", "BRIDGE_FULL", QUOTA),
    drivers.CapabilityUnsupported: ("UNIMPLEMENTED", "CAPABILITY_UNSUPPORTED", NOTHING),
    drivers.PrivilegeMissing: ("PERMISSION_DENIED", "PRIVILEGE_MISSING", NOTHING),
    drivers.KernelError: ("INTERNAL", "KERNEL_ERROR", NOTHING),
    drivers.DriverError: ("INTERNAL", "DRIVER_ERROR", NOTHING),
    ipam.SubnetNotFound: ("NOT_FOUND", "SUBNET_NOT_FOUND", RESOURCE),
    ipam.AllocationNotFound: ("NOT_FOUND", "ALLOCATION_NOT_FOUND", RESOURCE),
    ipam.AddressInUse: ("ALREADY_EXISTS", "ADDRESS_IN_USE", RESOURCE),
    ipam.SubnetInUse: ("FAILED_PRECONDITION", "SUBNET_IN_USE", PRECONDITION),
    ipam.AddressReserved: ("FAILED_PRECONDITION", "ADDRESS_RESERVED", PRECONDITION),
    ipam.OwnerMismatch: ("FAILED_PRECONDITION", "OWNER_MISMATCH", PRECONDITION),
    ipam.AddressOutOfRange: ("OUT_OF_RANGE", "ADDRESS_OUT_OF_RANGE", NOTHING),
    ipam.SubnetExhausted: ("RESOURCE_EXHAUSTED", "SUBNET_EXHAUSTED", QUOTA),
    ipam.StoreUnavailable: ("UNAVAILABLE", "STORE_UNAVAILABLE", RETRY),
    ipam.StoreDamaged: ("INTERNAL", "BACKEND_ERROR", NOTHING),
    ipam.IpamError: ("INTERNAL", "BACKEND_ERROR", NOTHING),
}


def classes(module: ModuleType) -> set[type[Exception]]:
    return {
        each
        for each in vars(module).values()
        if inspect.isclass(each) and issubclass(each, Exception)
    }
