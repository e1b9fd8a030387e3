"""The bench that a claim works on: a running backend, and assertions about its errors."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, TypeVar

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    BackendContext,
    BatchRequest,
    Holding,
    Holdings,
    IPAddress,
    IPNetwork,
    MapQuery,
    Part,
    ReleaseRequest,
    Subnet,
    Usage,
)
from mynet.ipam.errors import IpamError, SubnetExhausted
from mynet.ipam.testing.assertions import only_ipam_errors, require, require_explained
from mynet.ipam.testing.call import SampleCall

_EVERYTHING = 100_000  # more allocations than any claim makes

Ruled = IPNetwork | Subnet  # a subnet alone has no rules
E = TypeVar("E", bound=IpamError)
R = TypeVar("R", bound=Ruled)
Q = TypeVar("Q")
T = TypeVar("T")


class Refusal(Generic[E]):
    """The error that a refused call raised."""

    error: E


class Bench:
    """A backend with a directory and an instance of its own, which can be restarted.

    The bench has the contract's verbs. An error that a backend may not raise becomes an
    AssertionError.
    """

    def __init__(self, make: Callable[[BackendContext], Backend], folder: Path) -> None:
        self.context = BackendContext(instance=secrets.token_hex(8), state_dir=folder)
        self._make = make
        self._running: Backend | None = None
        self._subnets: dict[IPNetwork, None] = {}  # the open ones, in the order of opening

    @property
    def backend(self) -> Backend:
        """The running backend."""
        if self._running is None:
            raise AssertionError("no backend runs")
        return self._running

    def start(self) -> None:
        """Make a backend."""
        with only_ipam_errors("making it"):
            self._running = self._make(self.context)

    def stop(self) -> None:
        """Close the backend, if one runs."""
        running, self._running = self._running, None
        if running is not None:
            with only_ipam_errors("close"):
                running.close()

    def restart(self) -> None:
        """Close the backend and make it again, as a restart of the daemon does."""
        self.stop()
        self.start()

    def open(self, subnet: R) -> R:
        """Open a subnet and return it."""
        self._call(self.backend.open_subnet, ruled(subnet).cidr)
        self._subnets[ruled(subnet).cidr] = None
        return subnet

    def close(self, subnet: Ruled) -> None:
        """Close a subnet."""
        self._call(self.backend.close_subnet, ruled(subnet).cidr)
        self._subnets.pop(ruled(subnet).cidr, None)

    def allocate(
        self,
        subnet: Ruled,
        owner: str = "",
        *,
        address: IPAddress | None = None,
        take_from: str = "",
        sticky_key: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Allocation:
        """Allocate an address."""
        request = AllocateRequest(
            ruled(subnet), owner, address, take_from, sticky_key, dict(labels or {})
        )
        return self._call(self.backend.allocate, request)

    def allocate_batch(
        self, subnet: Ruled, owners: Sequence[str], labels: Mapping[str, str] | None = None
    ) -> list[Allocation]:
        """Allocate an address for each owner."""
        request = BatchRequest(ruled(subnet), owners, dict(labels or {}))
        return list(self._call(self.backend.allocate_batch, request))

    def release(self, subnet: Ruled, address: IPAddress, owner: str | None = None) -> Allocation:
        """Release an address."""
        request = ReleaseRequest(ruled(subnet), address, owner=owner)
        return self._call(self.backend.release, request)

    def release_owner(self, owner: str) -> list[Allocation]:
        """Release all addresses of an owner."""
        return list(self._call(self.backend.release_owner, owner))

    def release_owners(self, *owners: str) -> list[Allocation]:
        """Release all addresses of several owners."""
        return list(self._call(self.backend.release_owners, owners))

    def load(self, *holdings: tuple[Ruled, Sequence[Holding]]) -> None:
        """Load addresses of several subnets."""
        loaded = [Holdings(ruled(subnet), held) for subnet, held in holdings]
        self._call(self.backend.load, loaded)
        self._subnets |= {ruled(subnet).cidr: None for subnet, _ in holdings}

    def allocations(
        self,
        subnet: Ruled | None = None,
        *,
        address: IPAddress | None = None,
        owner: str = "",
        after: tuple[IPNetwork, IPAddress] | None = None,
        limit: int = _EVERYTHING,
        owner_prefix: str = "",
    ) -> list[Allocation]:
        """Return the selected allocations."""
        cidr = ruled(subnet).cidr if subnet is not None else None
        query = AllocationQuery(cidr, address, owner, after, limit, owner_prefix)
        return list(self._call(self.backend.allocations, query))

    def recall(self, subnet: Ruled, sticky_key: str) -> IPAddress | None:
        """Return the address that a sticky key leads to."""
        request = AllocateRequest(ruled(subnet), sticky_key=sticky_key)
        return self._call(self.backend.recall, request)

    def usage(self, subnet: Ruled) -> Usage:
        """Return the usage of a subnet."""
        return self._call(self.backend.usage, ruled(subnet))

    def parts(self, subnet: Ruled, prefixlen: int) -> list[Part]:
        """Return the usage of the parts of a subnet."""
        return list(self._call(self.backend.parts, MapQuery(ruled(subnet), prefixlen)))

    def take(self, subnet: Ruled, count: int) -> list[IPAddress]:
        """Allocate so many addresses, without an owner."""
        return [self.allocate(subnet).address for _ in range(count)]

    def take_all(self, subnet: Ruled) -> list[IPAddress]:
        """Allocate addresses without an owner until the subnet is exhausted."""
        taken: list[IPAddress] = []
        with suppress(SubnetExhausted):
            while len(taken) <= ruled(subnet).cidr.num_addresses:
                taken.append(self.allocate(subnet).address)
        require(len(taken) <= ruled(subnet).cidr.num_addresses, f"{subnet} is never exhausted")
        return taken

    def clear(self, subnet: Ruled) -> None:
        """Release all of a subnet's addresses, and close it."""
        for allocation in self.allocations(subnet):
            self.release(subnet, allocation.address)
        self.close(subnet)

    @contextmanager
    def refusing(
        self, kind: type[E], thing: IPAddress | Ruled, *, holder: str = ""
    ) -> Iterator[Refusal[E]]:
        """Require that the block raises this error, about this address or subnet and holder.

        And that the backend has changed nothing.
        """
        before, refusal = self._observed(), Refusal[E]()
        named = thing.cidr if isinstance(thing, Subnet) else thing
        try:
            yield refusal
        except kind as error:
            require_explained(error, named, holder)
            refusal.error = error
        except IpamError as error:
            raise AssertionError(
                f"{type(error).__name__} was raised about {named}, not {kind.__name__}: {error}"
            ) from error
        else:
            raise AssertionError(f"{kind.__name__} was not raised about {named}")
        require(
            self._observed() == before, f"having raised {kind.__name__}, it has changed something"
        )

    def _call(self, verb: Callable[[SampleCall, Q], T], request: Q) -> T:
        with only_ipam_errors(verb.__name__):
            return verb(SampleCall(), request)

    def _observed(self) -> tuple[Sequence[Allocation], Sequence[Usage]]:
        return self.allocations(), [self.usage(subnet) for subnet in self._subnets]


def ruled(subnet: Ruled) -> Subnet:
    """Return a subnet with its rules; a prefix has none."""
    return subnet if isinstance(subnet, Subnet) else Subnet(subnet)


@contextmanager
def running(make: Callable[[BackendContext], Backend], folder: Path) -> Iterator[Bench]:
    """Make a backend and close it. An error of the block takes precedence over one of close."""
    bench = Bench(make, folder)
    bench.start()
    try:
        yield bench
    except Exception:
        with suppress(Exception):
            bench.stop()
        raise
    bench.stop()
