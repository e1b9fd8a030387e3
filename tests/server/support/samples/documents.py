"""Documents of subnets: written, imported, exported and refused."""

import json
from typing import Any

import pytest

from mynet.v1 import ipam_pb2
from tests.server.support.daemon import Daemon
from tests.server.support.refusals import Refusal, refusal
from tests.server.support.world import World

MYNET = ipam_pb2.SUBNET_FORMAT_MYNET
TUTORIAL = ipam_pb2.SUBNET_FORMAT_TUTORIAL
HOST_LOCAL = ipam_pb2.SUBNET_FORMAT_HOST_LOCAL
KINDS = pytest.mark.parametrize("kind", [MYNET, TUTORIAL, HOST_LOCAL])
NINE = "10.99.0.0/24"


def ask(kind: int, document: object, **fields: Any) -> ipam_pb2.ImportSubnetsRequest:
    """Return the request of an import. A document that is not a text is written as JSON."""
    text = document if isinstance(document, str) else json.dumps(document)
    return ipam_pb2.ImportSubnetsRequest(format=kind, document=text, **fields)  # type: ignore[arg-type]


def load(daemon: Daemon, kind: int, document: object, **fields: Any) -> list[tuple[str, int]]:
    """Import a document; return the subnets, and how many allocations each has."""
    answer = daemon.ipam.ImportSubnets(ask(kind, document, **fields))
    return [(each.subnet, each.allocations) for each in answer.subnets]


def export(daemon: Daemon, kind: int, subnet: str = "") -> Any:
    """Export subnets; return the document as Python has it."""
    request = ipam_pb2.ExportSubnetsRequest(format=kind, subnet=subnet)  # type: ignore[arg-type]
    return json.loads(daemon.ipam.ExportSubnets(request).document)


def mynet(*subnets: dict[str, Any], version: int = 1) -> dict[str, Any]:
    """Return a document in mynet's own format."""
    return {"version": version, "subnets": list(subnets)}


def subnet(cidr: str, *held: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a subnet of such a document; rules are given by their names."""
    rules: dict[str, Any] = {"range": None, "reserved": [], "cooldown": None, "retention": None}
    own = {name: fields.pop(name) for name in rules if name in fields}
    return {
        "cidr": cidr,
        "backend": "bitmap",
        "rules": {**rules, **own},
        "kept": False,
        "held": list(held),
        **fields,
    }


def holding(address: str, owner: str = "", **fields: Any) -> dict[str, Any]:
    """Return an allocated address of such a subnet."""
    return {"address": address, "owner": owner, "sticky_key": "", "labels": {}, **fields}


def refused(world: World, kind: int, document: object, **fields: Any) -> Refusal:
    """Return how an import of a document is refused, and assert that a check is refused too."""
    before = world.state()
    alone = refusal(world.ipam.ImportSubnets, ask(kind, document, validate_only=True, **fields))
    loaded = refusal(world.ipam.ImportSubnets, ask(kind, document, **fields))
    assert loaded.short == alone.short
    assert world.state() == before
    return loaded


def faults(world: World, kind: int, document: object, **fields: Any) -> list[tuple[str, str]]:
    """Return the violations of a refused document: field and description."""
    found = refused(world, kind, document, **fields)
    assert found.short == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    violations = found.details["BadRequest"].field_violations
    return [(violation.field, violation.description) for violation in violations]


def fields_of(found: list[tuple[str, str]]) -> list[str]:
    """Return the fields alone."""
    return [field for field, _ in found]
