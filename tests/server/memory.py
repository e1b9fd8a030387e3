"""An IPAM backend in a dictionary: the contract of mynet.ipam.api, in as few lines as it takes."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    BackendInfo,
    Call,
    IPAddress,
    IPNetwork,
    ReleaseRequest,
    Usage,
)
from mynet.ipam.errors import (
    AddressInUse,
    AddressOutOfRange,
    AddressReserved,
    AllocationNotFound,
    OwnerMismatch,
    SubnetExhausted,
    SubnetInUse,
    SubnetNotFound,
)


class DictBackend(Backend):
    """Hands out the lowest free address; what it forgets when the process ends is all it knows."""

    def __init__(self, instance: str = "test") -> None:
        self._instance = instance
        self._guard = threading.RLock()
        self._subnets: dict[IPNetwork, dict[IPAddress, Allocation]] = {}
        self._revision = 0

    @property
    def info(self) -> BackendInfo:
        return BackendInfo("memory", capabilities=frozenset({"volatile"}))

    def open_subnet(self, call: Call, subnet: IPNetwork) -> None:
        with self._guard:
            self._subnets.setdefault(subnet, {})

    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        with self._guard:
            if self._subnets.get(subnet):
                raise SubnetInUse(f"{subnet} is in use", resource=f"subnet {subnet}")
            self._subnets.pop(subnet, None)

    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        with self._guard:
            held = self._held(request.subnet)
            if request.address is None:
                return self._any(held, request)
            return self._this(held, request, request.address)

    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        with self._guard:
            held = self._held(request.subnet)
            if request.address not in request.subnet:
                raise AddressOutOfRange("outside", resource=f"address {request.address}")
            found = held.get(request.address)
            if found is None:
                raise AllocationNotFound("free", resource=f"address {request.address}")
            if request.owner not in (None, found.owner):
                raise OwnerMismatch("not yours", resource=f"address {request.address}")
            return held.pop(request.address)

    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        with self._guard:
            everything = [each for held in self._subnets.values() for each in held.values()]
        everything.sort(key=lambda each: _place(each.subnet, each.address))
        found = [
            each
            for each in everything
            if query.subnet in (None, each.subnet)
            and query.address in (None, each.address)
            and query.owner in ("", each.owner)
            and (query.after is None or _place(each.subnet, each.address) > _place(*query.after))
        ]
        return found[: query.limit]

    def usage(self, call: Call, subnet: IPNetwork) -> Usage:
        with self._guard:
            return Usage(_capacity(subnet), len(self._held(subnet)))

    def _held(self, subnet: IPNetwork) -> dict[IPAddress, Allocation]:
        if subnet not in self._subnets:
            raise SubnetNotFound(f"{subnet} is not open", resource=f"subnet {subnet}")
        return self._subnets[subnet]

    def _any(self, held: dict[IPAddress, Allocation], request: AllocateRequest) -> Allocation:
        for allocation in held.values():
            if request.owner and allocation.owner == request.owner:
                return allocation
        free = next((each for each in _usable(request.subnet) if each not in held), None)
        if free is None:
            raise SubnetExhausted("full", resource=f"subnet {request.subnet}")
        return self._hold(held, request, free)

    def _this(
        self, held: dict[IPAddress, Allocation], request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        what = f"address {address}"
        if address not in request.subnet:
            raise AddressOutOfRange(f"{address} is not in {request.subnet}", resource=what)
        if not _is_usable(request.subnet, address):
            raise AddressReserved(f"{address} is never handed out", resource=what)
        if found := held.get(address):
            if request.owner and found.owner == request.owner:
                return found
            if not request.take_from or found.owner != request.take_from:
                raise AddressInUse(f"{address} is held", resource=what, holder=found.owner)
        return self._hold(held, request, address)

    def _hold(
        self, held: dict[IPAddress, Allocation], request: AllocateRequest, address: IPAddress
    ) -> Allocation:
        self._revision += 1
        held[address] = Allocation(
            *(request.subnet, address, request.owner, self._instance),
            create_time=datetime.now(UTC),
            revision=self._revision,
        )
        return held[address]


def _place(subnet: IPNetwork, address: IPAddress) -> tuple[int, int, int]:
    return subnet.version, int(subnet.network_address), int(address)


def _bounds(subnet: IPNetwork) -> tuple[int, int]:
    first, last = int(subnet.network_address), int(subnet.broadcast_address)
    if last - first < 2:
        return first, last
    return first + 1, last - 1 if subnet.version == 4 else last


def _capacity(subnet: IPNetwork) -> int:
    first, last = _bounds(subnet)
    return last - first + 1


def _is_usable(subnet: IPNetwork, address: IPAddress) -> bool:
    first, last = _bounds(subnet)
    return first <= int(address) <= last


def _usable(subnet: IPNetwork) -> Iterator[IPAddress]:
    first, last = _bounds(subnet)
    make = type(ip_address(str(subnet.network_address)))
    return (make(number) for number in range(first, last + 1))
