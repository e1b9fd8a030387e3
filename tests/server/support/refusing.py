"""Requests with faults, which are refused with all of them and change nothing."""

from collections.abc import Callable, Sequence
from typing import Any

from mynet.v1 import ipam_pb2, network_pb2
from tests.server.support.asking import refusal
from tests.server.support.world import World


def require_faults(
    world: World, method: Callable[..., Any], request: object, faults: Sequence[str]
) -> None:
    """State that a call is refused for these fields, each with words."""
    before = world.state()
    refused = refusal(method, request)
    assert refused.short == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert refused.faults == faults
    violations = refused.details["BadRequest"].field_violations
    assert all(violation.description for violation in violations)
    assert world.state() == before


def check(world: World, verb: str, fields: dict[str, Any], faults: Sequence[str]) -> None:
    """State it of a verb by its name, and of a request with these fields."""
    stub, module = (world.ipam, ipam_pb2) if hasattr(world.ipam, verb) else (world.net, network_pb2)
    require_faults(world, getattr(stub, verb), getattr(module, f"{verb}Request")(**fields), faults)
