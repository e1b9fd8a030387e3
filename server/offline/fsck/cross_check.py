"""The books against each other: whose addresses are whose.

What is found here can come about without anybody's fault (a book that lost its newest commits), and
the next start heals it. A kill alone never leads to it: at each moment the books agree.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from mynet.ipam.api import IPAddress
from mynet.server.model.endpoints import ENDPOINT_OWNER, Endpoint, EndpointState, is_own
from mynet.server.model.networks import NETWORK_OWNER, Network, NetworkState
from mynet.server.offline.fsck.backends import Book
from mynet.server.offline.fsck.records import Records

Held = dict[str, set[IPAddress]]  # by owner


def compare(records: Records, books: Mapping[str, Book]) -> Iterator[str]:
    """Yield what is wrong between the daemon's book and the backends', a sentence each."""
    held = {name: _held(book) for name, book in books.items()}
    for endpoint in records.endpoints.values():
        network = records.networks.get(endpoint.network_id)
        if network and endpoint.state is EndpointState.READY and network.spec.ipam in held:
            yield from _endpoint(endpoint, held[network.spec.ipam], books[network.spec.ipam])
    for network in records.networks.values():
        if network.state is NetworkState.READY and network.spec.ipam in held:
            yield from _network(network, held[network.spec.ipam], books[network.spec.ipam])
    yield from _twice(records)
    if records.whole:
        for name, book in books.items():
            yield from _owners(records, name, held[name])
            yield from _unbooked(records, name, book)


def _held(book: Book) -> Held:
    """Return what networks and endpoints hold."""
    held: Held = defaultdict(set)
    for subnet in book.holdings:
        for each in subnet.held:
            if is_own(each.owner):
                held[each.owner].add(each.address)
    return held


def _endpoint(endpoint: Endpoint, held: Held, book: Book) -> Iterator[str]:
    wanted = {address.ip for address in endpoint.addresses}
    found = held.get(endpoint.owner, set())
    if book.whole:
        for address in sorted(wanted - found, key=str):
            yield f"{endpoint.display_name} is ready with {address}, which is not allocated to it"
    for address in sorted(found - wanted, key=str):
        yield f"{address} is allocated to {endpoint.display_name}, which is ready without it"


def _network(network: Network, held: Held, book: Book) -> Iterator[str]:
    wanted = {subnet.gateway for subnet in network.subnets if subnet.gateway}
    found = held.get(network.owner, set())
    if book.whole:
        for address in sorted(wanted - found, key=str):
            yield f"network {network.name} has gateway {address}, which is not allocated to it"
    for address in sorted(found - wanted, key=str):
        yield f"{address} is allocated to network {network.name}, whose gateway it is not"


def _twice(records: Records) -> Iterator[str]:
    """Yield the addresses that two endpoints have."""
    holders: dict[IPAddress, Endpoint] = {}
    for endpoint in records.endpoints.values():
        if endpoint.state is EndpointState.READY:
            for address in endpoint.addresses:
                other = holders.setdefault(address.ip, endpoint)
                if other is not endpoint:
                    both = f"{other.display_name} and of {endpoint.display_name}"
                    yield f"{address.ip} is an address of {both}"


def _owners(records: Records, backend: str, held: Held) -> Iterator[str]:
    """Yield what is allocated to networks and endpoints that there are not."""
    known = {network.owner for network in records.networks.values()}
    known |= {endpoint.owner for endpoint in records.endpoints.values()}
    for owner in sorted(held.keys() - known):
        addresses = ", ".join(map(str, sorted(held[owner], key=str)))
        kind = "network" if owner.startswith(NETWORK_OWNER) else "endpoint"
        number = owner.removeprefix(NETWORK_OWNER).removeprefix(ENDPOINT_OWNER)
        yield f"backend {backend} has {addresses} for {kind} {number[:12]}, which is not on record"


def _unbooked(records: Records, backend: str, book: Book) -> Iterator[str]:
    """Yield the subnets that a backend has addresses of though the registry does not know it."""
    booked = {(each.cidr, each.backend) for each in records.subnets}
    for each in book.holdings:
        if each.held and (each.subnet.cidr, backend) not in booked:
            yield (
                f"backend {backend} has {len(each.held)} addresses of {each.subnet.cidr}, which is"
                " not in its book by the registry of subnets"
            )
