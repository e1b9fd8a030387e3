"""Requests of the address book into the core's own types, with all faults at once."""

from dataclasses import replace

from mynet.ipam.api import (
    AllocateRequest,
    BatchRequest,
    IPAddress,
    IPNetwork,
    Subnet,
)
from mynet.server.addressing.allocations import DEFAULT_BACKEND
from mynet.server.model.subnets import LONGEST, MOST_SPANS, Rules, SubnetSpec
from mynet.server.services.from_proto import fields
from mynet.server.services.violations import Faults
from mynet.v1 import ipam_pb2

_IPV4_PARTS = 8  # bits: a map has 256 parts unless more or fewer are asked for
_IPV6_PART = 116  # the prefix length of 4096 addresses


def cidr(value: str) -> IPNetwork:
    """Unpack a subnet of the book."""
    faults = Faults()
    found = faults.parse("subnet", value, fields.book_cidr)
    faults.refuse()
    return found  # type: ignore[return-value]  # None is a fault, refused above


def cidr_if_any(faults: Faults, value: str) -> IPNetwork | None:
    """Unpack a subnet of the book to select by, where one was given."""
    return faults.parse("subnet", value, fields.book_cidr) if value else None


def new_subnet(request: ipam_pb2.CreateSubnetRequest) -> tuple[SubnetSpec, str]:
    """Unpack a CreateSubnet: the subnet that is asked for, and its backend."""
    faults = Faults()
    spec = faults.parse("subnet.cidr", request.subnet.cidr, fields.new_cidr)
    if request.subnet.gateway:
        faults.add("subnet.gateway", "comes with the network that is to use the subnet")
    found = rules(faults, "subnet", request.subnet, spec)
    backend = faults.parse("backend", request.backend, fields.text)
    faults.refuse()
    assert spec is not None  # noqa: S101 - refused above
    return replace(spec, rules=found), backend or DEFAULT_BACKEND


def rules(faults: Faults, field: str, message: ipam_pb2.Subnet, spec: SubnetSpec | None) -> Rules:
    """Unpack how a subnet's addresses are to be handed out.

    One that is asked for by its size alone may have any place, and None is one that cannot be had.
    """
    bounds = None
    if message.range:
        bounds = faults.parse(f"{field}.range", message.range, fields.span)
    spans = [
        faults.parse(f"{field}.reserved[{number}]", value, fields.span)
        for number, value in enumerate(message.reserved[:MOST_SPANS])
    ]
    if len(message.reserved) > MOST_SPANS:
        faults.add(f"{field}.reserved", f"has more than {MOST_SPANS} spans")
    given = [(f"{field}.range", bounds)] if bounds else []
    given += [(f"{field}.reserved[{number}]", span) for number, span in enumerate(spans) if span]
    for name, span in given:
        if spec is None:
            continue
        if spec.cidr is None:
            faults.add(name, "goes with a subnet that is named")
        elif span.first not in spec.cidr or span.last not in spec.cidr:
            faults.add(name, f"{span} is not in {spec.cidr}")
    return Rules(
        range=bounds,
        reserved=tuple(span for span in spans if span),
        cooldown=_seconds(faults, f"{field}.cooldown", message, "cooldown"),
        retention=_seconds(faults, f"{field}.retention", message, "retention"),
    )


def allocation(request: ipam_pb2.AllocateAddressRequest) -> AllocateRequest:
    """Unpack an AllocateAddress."""
    faults = Faults()
    subnet = faults.parse("subnet", request.subnet, fields.book_cidr)
    owner = faults.parse("owner", request.owner, fields.owner)
    sticky_key = faults.parse("sticky_key", request.sticky_key, fields.text)
    labels = faults.texts("labels", request.labels)
    found = faults.parse("address", request.address, fields.address) if request.address else None
    _check_family(faults, subnet, found)
    faults.refuse()
    return AllocateRequest(_bare(subnet), owner or "", found, "", sticky_key or "", labels)


def batch(request: ipam_pb2.BatchAllocateAddressesRequest) -> BatchRequest:
    """Unpack a BatchAllocateAddresses."""
    faults = Faults()
    subnet = faults.parse("subnet", request.subnet, fields.book_cidr)
    owners = [
        faults.parse(f"owners[{number}]", value, fields.owner)
        for number, value in enumerate(request.owners[: fields.MAX_BATCH])
    ]
    prefix = faults.parse("owner_prefix", request.owner_prefix, fields.owner)
    labels = faults.texts("labels", request.labels)
    if request.owners and prefix:
        faults.add("owner_prefix", "goes without owners")
    if request.owners and request.count not in (0, len(request.owners)):
        faults.add("count", f"is not the number of owners, {len(request.owners)}")
    wanted = request.count or len(request.owners)
    if not 0 < wanted <= fields.MAX_BATCH:
        faults.add("count", f"{wanted} is not from 1 to {fields.MAX_BATCH}")
    if prefix:  # the last owner's name is the longest
        faults.parse("owner_prefix", f"{prefix}{wanted}", fields.owner)
    faults.refuse()
    named = [owner or "" for owner in owners]
    counted = [f"{prefix}{number}" if prefix else "" for number in range(1, wanted + 1)]
    return BatchRequest(_bare(subnet), named or counted, labels)


def release(request: ipam_pb2.ReleaseAddressRequest) -> tuple[IPNetwork, IPAddress, str]:
    """Unpack a ReleaseAddress: subnet, address, owner."""
    faults = Faults()
    subnet = faults.parse("subnet", request.subnet, fields.book_cidr)
    found = faults.parse("address", request.address, fields.address)
    owner = faults.parse("owner", request.owner, fields.text)
    _check_family(faults, subnet, found)
    faults.refuse()
    return subnet, found, owner or ""  # type: ignore[return-value]  # None was refused above


def owner(request: ipam_pb2.ReleaseOwnerRequest) -> str:
    """Unpack a ReleaseOwner."""
    faults = Faults()
    found = faults.parse("owner", request.owner, fields.owner)
    if not request.owner:
        faults.add("owner", "is required")
    faults.refuse()
    return found or ""


def map_request(request: ipam_pb2.GetSubnetMapRequest) -> tuple[IPNetwork, int]:
    """Unpack a GetSubnetMap: the subnet, and the prefix length of its parts."""
    faults = Faults()
    subnet = faults.parse("subnet", request.subnet, fields.book_cidr)
    prefixlen = request.part_prefix_length
    if subnet and not prefixlen:
        wanted = _IPV6_PART if subnet.version == 6 else subnet.prefixlen + _IPV4_PARTS  # noqa: PLR2004
        prefixlen = min(max(wanted, subnet.prefixlen), subnet.max_prefixlen)
    elif subnet and not subnet.prefixlen <= prefixlen <= subnet.max_prefixlen:
        faults.add(
            "part_prefix_length",
            f"{prefixlen} is not from {subnet.prefixlen} to {subnet.max_prefixlen}",
        )
    faults.refuse()
    return subnet, prefixlen  # type: ignore[return-value]  # None was refused above


def _seconds(faults: Faults, field: str, message: ipam_pb2.Subnet, name: str) -> float | None:
    if not message.HasField(name):  # type: ignore[arg-type]  # a field of the message
        return None
    duration = getattr(message, name)
    seconds: float = duration.seconds + duration.nanos / 1e9
    if not 0 <= seconds <= LONGEST:
        faults.add(field, f"{seconds} s is not from 0 to {LONGEST} s")
    return seconds


def _check_family(faults: Faults, subnet: IPNetwork | None, address: IPAddress | None) -> None:
    if subnet and address and subnet.version != address.version:
        faults.add("address", f"is not of the family of {subnet}")


def _bare(subnet: IPNetwork | None) -> Subnet:
    """Make the subnet of a request that was not refused; the book has its rules."""
    return Subnet(subnet)  # type: ignore[arg-type]  # None was refused before
