"""Requests of IPAMService into values of the core. Each raises InvalidArgument."""

from collections.abc import Iterator
from dataclasses import replace

from mynet.drivers.api import IPV6
from mynet.ipam import api
from mynet.server.addressing.allocations import DEFAULT_BACKEND
from mynet.server.model.special_purpose import why_special, why_unusable
from mynet.server.model.subnets import SubnetSpec
from mynet.server.services.answers import LARGEST_BYTES
from mynet.server.services.from_proto import fields, subnets
from mynet.server.services.from_proto.violations import Violations
from mynet.v1 import ipam_pb2

_IPV4_PARTS = 8  # bits: by default a map has 256 parts
_IPV6_PART = 116  # the prefix length of 4096 addresses


def cidr(value: str) -> api.IPNetwork:
    """Return the subnet of a request."""
    violations = Violations()
    subnet = violations.parse("subnet", value, fields.subnet_cidr)
    violations.refuse()
    return subnet  # type: ignore[return-value]  # None was refused above


def document(
    requests: Iterator[ipam_pb2.ImportSubnetsRequest],
) -> tuple[ipam_pb2.ImportSubnetsRequest, str]:
    """Return the first request of an import, and the document of all its requests."""
    first = next(requests, ipam_pb2.ImportSubnetsRequest())
    return first, "".join([first.document, *(request.document for request in requests)])


def new_subnet(request: ipam_pb2.CreateSubnetRequest) -> tuple[SubnetSpec, str]:
    """Return the requested subnet and its backend."""
    violations = Violations()
    spec = violations.parse("subnet.cidr", request.subnet.cidr, fields.new_cidr)
    if request.subnet.gateway:
        violations.add("subnet.gateway", "must be empty; a network that uses the subnet sets it")
    subnet_rules = subnets.rules(violations, "subnet", request.subnet, spec)
    if spec and spec.cidr:
        special = "" if request.allow_special_purpose else why_special(spec.cidr)
        if reason := why_unusable(spec.cidr) or special:
            subnets.refuse_block(
                violations, "subnet.cidr", spec.cidr, reason, is_special=reason == special
            )
        subnets.refuse_empty_range(violations, "subnet.range", spec.cidr, subnet_rules)
    backend = violations.parse("backend", request.backend, fields.text)
    violations.refuse()
    assert spec is not None  # noqa: S101 - refused above
    return replace(spec, rules=subnet_rules), backend or DEFAULT_BACKEND


def allocation(request: ipam_pb2.AllocateAddressRequest) -> api.AllocateRequest:
    """Return the request of an AllocateAddress."""
    violations = Violations()
    subnet = violations.parse("subnet", request.subnet, fields.subnet_cidr)
    owner = violations.parse("owner", request.owner, fields.owner)
    sticky_key = violations.parse("sticky_key", request.sticky_key, fields.text)
    labels = violations.texts("labels", request.labels)
    address = violations.parse_any("address", request.address, fields.address)
    _check_family(violations, subnet, address)
    violations.refuse()
    return api.AllocateRequest(_bare(subnet), owner or "", address, "", sticky_key or "", labels)


def batch(request: ipam_pb2.BatchAllocateAddressesRequest) -> api.BatchRequest:
    """Return the request of a BatchAllocateAddresses."""
    violations = Violations()
    subnet = violations.parse("subnet", request.subnet, fields.subnet_cidr)
    owners = [
        violations.parse(f"owners[{number}]", value, fields.owner)
        for number, value in enumerate(request.owners[: fields.MAX_BATCH])
    ]
    prefix = violations.parse("owner_prefix", request.owner_prefix, fields.owner)
    labels = violations.texts("labels", request.labels)
    if request.owners and prefix:
        violations.add("owner_prefix", "must be empty if owners is set")
    if request.owners and request.count not in (0, len(request.owners)):
        violations.add("count", f"is not the number of owners, {len(request.owners)}; leave it out")
    wanted = request.count or len(request.owners)
    if not 0 < wanted <= fields.MAX_BATCH:
        violations.add("count", f"{wanted} is not from 1 to {fields.MAX_BATCH}; make several calls")
    _check_answer(violations, request, wanted)
    if prefix:  # the last name is the longest
        violations.parse("owner_prefix", f"{prefix}{wanted}", fields.owner)
    violations.refuse()
    named = [owner or "" for owner in owners]
    counted = [f"{prefix}{number}" if prefix else "" for number in range(1, wanted + 1)]
    return api.BatchRequest(_bare(subnet), named or counted, labels)


def _check_answer(
    violations: Violations, request: ipam_pb2.BatchAllocateAddressesRequest, wanted: int
) -> None:
    """Add a violation if the answer of a batch is too large. It repeats the labels."""
    size = wanted * sum(len(f"{key}{value}".encode()) + 6 for key, value in request.labels.items())
    if size > LARGEST_BYTES:
        violations.add(
            "labels",
            f"would have {size} bytes for {wanted} addresses, and all of them may have"
            f" {LARGEST_BYTES}; shorten the labels, or make several calls",
        )


def release(request: ipam_pb2.ReleaseAddressRequest) -> tuple[api.IPNetwork, api.IPAddress, str]:
    """Return the subnet, the address and the owner of a ReleaseAddress."""
    violations = Violations()
    subnet = violations.parse("subnet", request.subnet, fields.subnet_cidr)
    address = violations.parse("address", request.address, fields.address)
    owner = violations.parse("owner", request.owner, fields.text)
    _check_family(violations, subnet, address)
    violations.refuse()
    return subnet, address, owner or ""  # type: ignore[return-value]  # None was refused above


def owner(request: ipam_pb2.ReleaseOwnerRequest) -> str:
    """Return the owner of a ReleaseOwner."""
    violations = Violations()
    name = violations.parse("owner", request.owner, fields.owner)
    if not request.owner:
        violations.add("owner", "is required")
    violations.refuse()
    return name or ""


def map_request(request: ipam_pb2.GetSubnetMapRequest) -> tuple[api.IPNetwork, int]:
    """Return the subnet of a GetSubnetMap, and the prefix length of its parts."""
    violations = Violations()
    subnet = violations.parse("subnet", request.subnet, fields.subnet_cidr)
    prefixlen = request.part_prefix_length
    if subnet and not prefixlen:
        wanted = _IPV6_PART if subnet.version == IPV6 else subnet.prefixlen + _IPV4_PARTS
        prefixlen = min(max(wanted, subnet.prefixlen), subnet.max_prefixlen)
    elif subnet and not subnet.prefixlen <= prefixlen <= subnet.max_prefixlen:
        violations.add(
            "part_prefix_length",
            f"{prefixlen} is not from {subnet.prefixlen} to {subnet.max_prefixlen}",
        )
    violations.refuse()
    return subnet, prefixlen  # type: ignore[return-value]  # None was refused above


def _check_family(
    violations: Violations, subnet: api.IPNetwork | None, address: api.IPAddress | None
) -> None:
    if subnet and address and subnet.version != address.version:
        violations.add("address", f"is not of the IP version of {subnet}; name one of it")


def _bare(subnet: api.IPNetwork | None) -> api.Subnet:
    """Return the subnet of a request without its rules, which the registry has."""
    return api.Subnet(subnet)  # type: ignore[arg-type]  # None was refused before
