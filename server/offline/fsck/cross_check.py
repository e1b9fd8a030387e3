"""Comparing the daemon's records with the backends' allocations: whose addresses are whose.

A database that has lost its newest commits leads to findings here, and the next start repairs them.
A kill of the daemon alone never does, because the databases agree at each moment.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from mynet.ipam.api import IPAddress
from mynet.server.model.endpoints import ENDPOINT_OWNER, Endpoint, EndpointState, is_own
from mynet.server.model.networks import NETWORK_OWNER, Network, NetworkState
from mynet.server.offline.fsck.backends import PluginFiles
from mynet.server.offline.fsck.records import Records

AllocatedByOwner = dict[str, set[IPAddress]]  # by owner


def compare(records: Records, backends: Mapping[str, PluginFiles]) -> Iterator[str]:
    """Yield the contradictions between records and backends, a sentence each."""
    held = {name: _held(files) for name, files in backends.items()}
    for endpoint in records.endpoints.values():
        network = records.networks.get(endpoint.network_id)
        if network and endpoint.state is EndpointState.READY and network.spec.ipam in held:
            yield from _endpoint(endpoint, held[network.spec.ipam], backends[network.spec.ipam])
    for network in records.networks.values():
        if network.state is NetworkState.READY and network.spec.ipam in held:
            yield from _network(network, held[network.spec.ipam], backends[network.spec.ipam])
    yield from _shared_addresses(records)
    if records.whole:
        for name, files in backends.items():
            yield from _owners_without_record(records, name, held[name])
            yield from _unregistered_subnets(records, name, files)


def _held(files: PluginFiles) -> AllocatedByOwner:
    """Return the addresses of networks and endpoints, by owner."""
    held: AllocatedByOwner = defaultdict(set)
    for subnet in files.holdings:
        for holding in subnet.held:
            if is_own(holding.owner):
                held[holding.owner].add(holding.address)
    return held


def _endpoint(endpoint: Endpoint, held: AllocatedByOwner, files: PluginFiles) -> Iterator[str]:
    recorded = {address.ip for address in endpoint.addresses}
    allocated = held.get(endpoint.owner, set())
    if files.whole:
        for address in sorted(recorded - allocated, key=str):
            yield f"{endpoint.display_name} is ready with {address}, which is not allocated to it"
    for address in sorted(allocated - recorded, key=str):
        yield f"{address} is allocated to {endpoint.display_name}, whose record does not list it"


def _network(network: Network, held: AllocatedByOwner, files: PluginFiles) -> Iterator[str]:
    recorded = {gateway for subnet in network.subnets if (gateway := subnet.leased_gateway)}
    allocated = held.get(network.owner, set())
    if files.whole:
        for address in sorted(recorded - allocated, key=str):
            yield f"network {network.name} has gateway {address}, which is not allocated to it"
    for address in sorted(allocated - recorded, key=str):
        name = f"network {network.name}"
        yield f"{address} is allocated to {name}, whose record does not list it as a gateway"


def _shared_addresses(records: Records) -> Iterator[str]:
    """Yield the addresses that two endpoints have."""
    holders: dict[IPAddress, Endpoint] = {}
    for endpoint in records.endpoints.values():
        if endpoint.state is EndpointState.READY:
            for address in endpoint.addresses:
                other = holders.setdefault(address.ip, endpoint)
                if other is not endpoint:
                    both = f"{other.display_name} and of {endpoint.display_name}"
                    yield f"{address.ip} is an address of {both}"


def _owners_without_record(records: Records, backend: str, held: AllocatedByOwner) -> Iterator[str]:
    """Yield the owners that have addresses and are not on record."""
    known = {network.owner for network in records.networks.values()}
    known |= {endpoint.owner for endpoint in records.endpoints.values()}
    for owner in sorted(held.keys() - known):
        addresses = ", ".join(map(str, sorted(held[owner], key=str)))
        kind = "network" if owner.startswith(NETWORK_OWNER) else "endpoint"
        number = owner.removeprefix(NETWORK_OWNER).removeprefix(ENDPOINT_OWNER)
        yield f"backend {backend} has {addresses} for {kind} {number[:12]}, which is not on record"


def _unregistered_subnets(records: Records, backend: str, files: PluginFiles) -> Iterator[str]:
    """Yield the subnets that a backend has addresses of without a place in the registry."""
    registered = {(subnet.cidr, subnet.backend) for subnet in records.subnets}
    for holdings in files.holdings:
        cidr = holdings.subnet.cidr
        if holdings.held and (cidr, backend) not in registered:
            yield (
                f"backend {backend} has {len(holdings.held)} addresses of {cidr}, which the"
                " registry does not assign to it"
            )
