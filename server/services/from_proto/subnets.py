"""Subnets of requests, with their rules, into values of the core."""

from dataclasses import replace
from itertools import combinations

from mynet.ipam.api import IPAddress, IPNetwork, usable
from mynet.server.model.networks import needs_gateway
from mynet.server.model.special_purpose import (
    why_special_for_networks,
    why_unusable_by_networks,
)
from mynet.server.model.subnet_room import has_room
from mynet.server.model.subnets import LONGEST, MAX_SPANS, Rules, SubnetSpec
from mynet.server.services.from_proto import fields
from mynet.server.services.from_proto.violations import Violations
from mynet.v1 import ipam_pb2, network_pb2

_NEEDS_CIDR = "needs a subnet with a cidr of its own; name that, or leave this out"


def network_subnets(
    violations: Violations, request: network_pb2.CreateNetworkRequest
) -> tuple[SubnetSpec, ...]:
    """Return the subnets of a new network, and add their violations."""
    messages = request.network.subnets
    violations.limit("network.subnets", len(messages), fields.MAX_SUBNETS)
    if len(messages) > fields.MAX_SUBNETS:
        return ()  # comparing all pairs would take long
    parsed = [
        _subnet(violations, f"network.subnets[{number}]", message, request)
        for number, message in enumerate(messages)
    ]
    subnets = tuple(subnet for subnet in parsed if subnet)
    named = [subnet.cidr for subnet in subnets if subnet.cidr]
    for one, other in combinations(named, 2):
        if one.overlaps(other):
            violations.add("network.subnets", f"{one} and {other} share addresses; give ones apart")
    return subnets


def _subnet(
    violations: Violations,
    field: str,
    message: ipam_pb2.Subnet,
    request: network_pb2.CreateNetworkRequest,
) -> SubnetSpec | None:
    spec = violations.parse(f"{field}.cidr", message.cidr, fields.network_cidr)
    subnet_rules = rules(violations, field, message, spec)
    gateway = violations.parse_any(f"{field}.gateway", message.gateway, fields.gateway)
    if spec is None:
        return None
    if gateway is not None:
        if spec.gateway not in (None, gateway):
            violations.add(
                f"{field}.gateway",
                f"differs from the gateway in cidr, {spec.gateway}; name it once",
            )
        if spec.cidr is None:
            violations.add(
                f"{field}.gateway",
                _NEEDS_CIDR,
            )
        elif gateway.version != spec.cidr.version:
            violations.add(
                f"{field}.gateway",
                f"{gateway} is not of the IP version of {spec.cidr}; name one that is",
            )
    spec = replace(spec, gateway=gateway or spec.gateway, rules=subnet_rules)
    if spec.gateway and any(spec.gateway in span for span in subnet_rules.reserved):
        violations.add(
            f"{field}.reserved",
            f"contains the gateway {spec.gateway}; reserve others, or name another gateway",
        )
    if spec.cidr:
        _check_cidr(violations, f"{field}.cidr", spec.cidr, spec.gateway, request)
        taken = spec.gateway
        if taken is None and needs_gateway(spec.cidr, internal=request.network.internal):
            taken = usable(spec.cidr).first
        refuse_empty_range(violations, f"{field}.range", spec.cidr, subnet_rules, taken)
    return spec


def _check_cidr(
    violations: Violations,
    field: str,
    cidr: IPNetwork,
    gateway: IPAddress | None,
    request: network_pb2.CreateNetworkRequest,
) -> None:
    """Add a violation for a subnet that no network can have, or without room for its gateway."""
    special = "" if request.allow_special_purpose else why_special_for_networks(cidr)
    if reason := why_unusable_by_networks(cidr) or special:
        refuse_block(violations, field, cidr, reason, is_special=reason == special)
    elif cidr.num_addresses == 1 and (
        gateway in cidr if gateway else needs_gateway(cidr, internal=request.network.internal)
    ):
        violations.add(
            field,
            f"{cidr} has one address, and a gateway needs a second; use a larger subnet, or name a"
            " gateway outside it",
        )


def rules(
    violations: Violations, field: str, message: ipam_pb2.Subnet, spec: SubnetSpec | None
) -> Rules:
    """Return the rules of a subnet, and add their violations.

    ``spec`` is the subnet itself, or None if its CIDR is a violation.
    """
    bounds = violations.parse_any(f"{field}.range", message.range, fields.span)
    spans = [
        violations.parse(f"{field}.reserved[{number}]", value, fields.span)
        for number, value in enumerate(message.reserved[:MAX_SPANS])
    ]
    if len(message.reserved) > MAX_SPANS:
        violations.add(
            f"{field}.reserved",
            f"has {len(message.reserved)} spans, more than {MAX_SPANS}; join neighbours into spans"
            " such as 10.1.0.2-10.1.0.9, or give a range",
        )
    given = [(f"{field}.range", bounds)] if bounds else []
    given += [(f"{field}.reserved[{number}]", span) for number, span in enumerate(spans) if span]
    for name, span in given:
        if spec is None:
            continue
        if spec.cidr is None:
            violations.add(name, _NEEDS_CIDR)
        elif span.first not in spec.cidr or span.last not in spec.cidr:
            violations.add(name, f"{span} is not in {spec.cidr}; name addresses of it")
    return Rules(
        range=bounds,
        reserved=tuple(span for span in spans if span),
        cooldown=_seconds(violations, f"{field}.cooldown", message, "cooldown"),
        retention=_seconds(violations, f"{field}.retention", message, "retention"),
    )


def refuse_empty_range(
    violations: Violations,
    field: str,
    cidr: IPNetwork,
    subnet_rules: Rules,
    gateway: IPAddress | None = None,
) -> None:
    """Add a violation for a range in which no address could be chosen."""
    bounds = subnet_rules.range
    if bounds is None or bounds.first not in cidr or has_room(cidr, subnet_rules, gateway):
        return
    whole = usable(cidr)
    violations.add(
        field,
        f"{bounds} has no address that could be chosen; give a range with addresses from"
        f" {whole.first} to {whole.last} that are not reserved, and not the gateway's",
    )


def refuse_block(
    violations: Violations, field: str, subnet: IPNetwork, reason: str, *, is_special: bool
) -> None:
    """Add a violation for a subnet of a special-purpose block."""
    remedy = "choose one of another block, such as 10.1.0.0/24 or fd00:1::/64"
    if is_special:
        remedy += ", or set allow_special_purpose (--allow-special-purpose)"
    violations.add(field, f"{subnet} cannot be a subnet: {reason}; {remedy}")


def _seconds(
    violations: Violations, field: str, message: ipam_pb2.Subnet, name: str
) -> float | None:
    if not message.HasField(name):  # type: ignore[arg-type]  # a field of the message
        return None
    duration = getattr(message, name)
    seconds: float = duration.seconds + duration.nanos / 1e9
    if not 0 <= seconds <= LONGEST:
        violations.add(field, f"{seconds} s is not from 0 to {LONGEST} s")
    return seconds
