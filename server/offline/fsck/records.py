"""The records in ``mynet.db``, as far as they can be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from mynet.ipam.api import IPNetwork
from mynet.ipam.errors import StoreDamaged
from mynet.ipam.sqlite.inspection import Inspection, inspected
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network
from mynet.server.store import MIGRATIONS, codec

R = TypeVar("R", Network, Endpoint)


@dataclass(frozen=True, slots=True)
class SubnetRow:
    """A subnet of the registry."""

    cidr: IPNetwork
    # The backend that stores its allocations.
    backend: str
    # The network that uses it, or "".
    network_id: str


@dataclass(frozen=True, slots=True)
class Records:
    """What is on record."""

    # What is wrong in the database by itself, a sentence each.
    findings: Sequence[str]
    # By id.
    networks: Mapping[str, Network]
    # By id.
    endpoints: Mapping[str, Endpoint]
    # Ordered by address.
    subnets: Sequence[SubnetRow]
    # Whether everything could be read.
    whole: bool

    def counts(self) -> str:
        """Return the numbers of records, for people."""
        return (
            f"{len(self.networks)} networks, {len(self.endpoints)} endpoints,"
            f" {len(self.subnets)} subnets"
        )


def read(path: Path) -> Records:
    """Read the database, and check it by itself."""
    with inspected(path, len(MIGRATIONS)) as inspection:
        networks = _documents(inspection, "networks", Network)
        endpoints = _documents(inspection, "endpoints", Endpoint)
        subnets = _subnets(inspection)
        _check_networks(inspection, networks, subnets)
        _check_overlaps(inspection, subnets)
    return Records(inspection.findings, networks, endpoints, subnets, inspection.complete)


def _documents(inspection: Inspection, table: str, record: type[R]) -> dict[str, R]:
    found: dict[str, R] = {}
    for number, text in inspection.select(f"SELECT id, document FROM {table}"):  # noqa: S608 - ours
        try:
            found[number] = codec.decode(text, record)
        except StoreDamaged as error:
            inspection.report_unreadable(
                f"{record.__name__.lower()} {number} cannot be read: {error.__cause__}"
            )
        else:
            if found[number].id != number:
                inspection.report(f"the record of {number} says that it is of {found[number].id}")
    return found


def _subnets(inspection: Inspection) -> list[SubnetRow]:
    found: list[SubnetRow] = []
    for cidr, backend, network_id in inspection.select(
        "SELECT cidr, backend, network_id FROM subnets ORDER BY version, first"
    ):
        try:
            found.append(SubnetRow(ip_network(cidr), backend, network_id or ""))
        except ValueError:
            inspection.report_unreadable(f"has {cidr!r} among its subnets, which is not a subnet")
    return found


def _check_networks(
    inspection: Inspection, networks: Mapping[str, Network], subnets: Sequence[SubnetRow]
) -> None:
    """Find subnets that either a network or the registry has, and the other has not."""
    claimed = {(subnet.cidr, subnet.network_id) for subnet in subnets if subnet.network_id}
    known = {
        (subnet.cidr, network.id) for network in networks.values() for subnet in network.subnets
    }
    if inspection.complete:
        for cidr, network_id in sorted(known ^ claimed, key=str):
            source = "the network's record" if (cidr, network_id) in known else "the registry"
            inspection.report(f"{cidr} is of network {network_id[:12]} according to {source} alone")


def _check_overlaps(inspection: Inspection, subnets: Sequence[SubnetRow]) -> None:
    """Find subnets that overlap. They are in order, so each is compared with the next."""
    for one, other in pairwise(subnets):
        if one.cidr.overlaps(other.cidr):
            inspection.report(f"subnets {one.cidr} and {other.cidr} share addresses")
