"""An IPAM backend in memory. A test can make it fail or hang."""

from collections.abc import Sequence
from pathlib import Path

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    BackendContext,
    BackendInfo,
    BatchRequest,
    Call,
    Holdings,
    IPAddress,
    IPNetwork,
    MapQuery,
    Part,
    ReleaseRequest,
    Subnet,
    Usage,
)
from tests.ipam.conformance.reference_backend import ReferenceBackend
from tests.ipam.support.clocks import FakeClock
from tests.server.support.faulty.faults import Trouble

INSTANCE = "test"


class FakeBackend(Backend):
    """A backend in dictionaries, with faults before and after each of its verbs.

    A later one on the same folder has the same allocations.
    """

    def __init__(self, folder: Path, clock: FakeClock, name: str = "bitmap") -> None:
        self.trouble = Trouble()
        self._inner = ReferenceBackend(BackendContext(INSTANCE, folder / name), clock)
        self._info = BackendInfo(name, capabilities=frozenset({"volatile"}))

    @property
    def info(self) -> BackendInfo:
        return self._info

    def open_subnet(self, call: Call, subnet: IPNetwork) -> None:
        with self.trouble.at("open_subnet", call):
            self._inner.open_subnet(call, subnet)

    def close_subnet(self, call: Call, subnet: IPNetwork) -> None:
        with self.trouble.at("close_subnet", call):
            self._inner.close_subnet(call, subnet)

    def allocate(self, call: Call, request: AllocateRequest) -> Allocation:
        with self.trouble.at("allocate", call):
            return self._inner.allocate(call, request)

    def allocate_batch(self, call: Call, request: BatchRequest) -> Sequence[Allocation]:
        with self.trouble.at("allocate_batch", call):
            return self._inner.allocate_batch(call, request)

    def release(self, call: Call, request: ReleaseRequest) -> Allocation:
        with self.trouble.at("release", call):
            return self._inner.release(call, request)

    def release_owner(self, call: Call, owner: str) -> Sequence[Allocation]:
        with self.trouble.at("release_owner", call):
            return self._inner.release_owner(call, owner)

    def release_owners(self, call: Call, owners: Sequence[str]) -> Sequence[Allocation]:
        with self.trouble.at("release_owners", call):
            return super().release_owners(call, owners)

    def load(self, call: Call, holdings: Sequence[Holdings]) -> None:
        with self.trouble.at("load", call):
            self._inner.load(call, holdings)

    def allocations(self, call: Call, query: AllocationQuery) -> Sequence[Allocation]:
        with self.trouble.at("allocations", call):
            return self._inner.allocations(call, query)

    def recall(self, call: Call, request: AllocateRequest) -> IPAddress | None:
        with self.trouble.at("recall", call):
            return self._inner.recall(call, request)

    def usage(self, call: Call, subnet: Subnet) -> Usage:
        with self.trouble.at("usage", call):
            return self._inner.usage(call, subnet)

    def parts(self, call: Call, query: MapQuery) -> Sequence[Part]:
        with self.trouble.at("parts", call):
            return self._inner.parts(call, query)

    def held(self) -> dict[str, str]:
        """Return the owner of each address, without faults."""
        return {str(binding.address): binding.owner for binding in self._inner.held()}

    def opened(self) -> frozenset[IPNetwork]:
        """Return the subnets that are open."""
        with self._inner.guard:
            return frozenset(self._inner.state.tables)
