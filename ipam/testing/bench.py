"""What claims are made with: a backend at work, and a sentence for what it does wrong."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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
from mynet.ipam.testing.stating import only_ipam_errors, require, require_explained

_DEADLINE = 60  # seconds that every call is given
_EVERYTHING = 100_000  # more allocations than any claim makes

Ruled = IPNetwork | Subnet  # a subnet alone has no rules
E = TypeVar("E", bound=IpamError)
R = TypeVar("R", bound=Ruled)


@dataclass(frozen=True, slots=True)
class SampleCall:
    """A call that somebody waits for, for a minute."""

    request_id: str = "conformance"
    deadline: float = field(default_factory=lambda: time.monotonic() + _DEADLINE)
    principal: str = "conformance"

    def alive(self) -> bool:
        """Say that the caller still waits."""
        return True


class Refusal(Generic[E]):
    """What a refused call raised."""

    error: E


class Bench:
    """A backend with a folder and an instance of its own, to be stopped and started again.

    Its verbs are the contract's. What a backend may not raise becomes an AssertionError here.
    """

    def __init__(self, make: Callable[[BackendContext], Backend], folder: Path) -> None:
        self.context = BackendContext(instance=secrets.token_hex(8), state_dir=folder)
        self._make = make
        self._running: Backend | None = None
        self._subnets: dict[IPNetwork, None] = {}  # those that are open, in the order of opening

    @property
    def backend(self) -> Backend:
        """The backend that runs."""
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
        """Close the backend and make it again, as a daemon does that is started again."""
        self.stop()
        self.start()

    def open(self, subnet: R) -> R:
        """Open a subnet and return it."""
        with only_ipam_errors("open_subnet"):
            self.backend.open_subnet(SampleCall(), ruled(subnet).cidr)
        self._subnets[ruled(subnet).cidr] = None
        return subnet

    def close(self, subnet: Ruled) -> None:
        """Close a subnet."""
        with only_ipam_errors("close_subnet"):
            self.backend.close_subnet(SampleCall(), ruled(subnet).cidr)
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
        with only_ipam_errors("allocate"):
            return self.backend.allocate(SampleCall(), request)

    def allocate_batch(
        self, subnet: Ruled, owners: Sequence[str], labels: Mapping[str, str] | None = None
    ) -> list[Allocation]:
        """Allocate an address for each owner."""
        request = BatchRequest(ruled(subnet), owners, dict(labels or {}))
        with only_ipam_errors("allocate_batch"):
            return list(self.backend.allocate_batch(SampleCall(), request))

    def release(self, subnet: Ruled, address: IPAddress, owner: str | None = None) -> Allocation:
        """Release an address."""
        request = ReleaseRequest(ruled(subnet), address, owner=owner)
        with only_ipam_errors("release"):
            return self.backend.release(SampleCall(), request)

    def release_owner(self, owner: str) -> list[Allocation]:
        """Release all that an owner has."""
        with only_ipam_errors("release_owner"):
            return list(self.backend.release_owner(SampleCall(), owner))

    def release_owners(self, *owners: str) -> list[Allocation]:
        """Release all that several owners have."""
        with only_ipam_errors("release_owners"):
            return list(self.backend.release_owners(SampleCall(), owners))

    def load(self, *holdings: tuple[Ruled, Sequence[Holding]]) -> None:
        """Load subnets with who is to have which of their addresses."""
        with only_ipam_errors("load"):
            loaded = [Holdings(ruled(subnet), held) for subnet, held in holdings]
            self.backend.load(SampleCall(), loaded)
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
        """List allocations."""
        cidr = ruled(subnet).cidr if subnet is not None else None
        query = AllocationQuery(cidr, address, owner, after, limit, owner_prefix)
        with only_ipam_errors("allocations"):
            return list(self.backend.allocations(SampleCall(), query))

    def recall(self, subnet: Ruled, sticky_key: str) -> IPAddress | None:
        """Look a sticky key up."""
        request = AllocateRequest(ruled(subnet), sticky_key=sticky_key)
        with only_ipam_errors("recall"):
            return self.backend.recall(SampleCall(), request)

    def usage(self, subnet: Ruled) -> Usage:
        """Count a subnet's addresses."""
        with only_ipam_errors("usage"):
            return self.backend.usage(SampleCall(), ruled(subnet))

    def parts(self, subnet: Ruled, prefixlen: int) -> list[Part]:
        """Count part by part."""
        with only_ipam_errors("parts"):
            return list(self.backend.parts(SampleCall(), MapQuery(ruled(subnet), prefixlen)))

    def take(self, subnet: Ruled, count: int) -> list[IPAddress]:
        """Take so many addresses, for nobody."""
        return [self.allocate(subnet).address for _ in range(count)]

    def take_all(self, subnet: Ruled) -> list[IPAddress]:
        """Take addresses, for nobody, until there are no more."""
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
        """Claim that the block raises just this, naming the thing and who holds it.

        And that, having raised it, the backend has changed nothing.
        """
        before, refusal = self._picture(), Refusal[E]()
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
            self._picture() == before, f"having raised {kind.__name__}, it has changed something"
        )

    def _picture(self) -> tuple[Sequence[Allocation], Sequence[Usage]]:
        return self.allocations(), [self.usage(subnet) for subnet in self._subnets]


def ruled(subnet: Ruled) -> Subnet:
    """Return a subnet with its rules, or with none."""
    return subnet if isinstance(subnet, Subnet) else Subnet(subnet)


@contextmanager
def running(make: Callable[[BackendContext], Backend], folder: Path) -> Iterator[Bench]:
    """Make a backend and close it; where that fails, what failed in the block comes first."""
    bench = Bench(make, folder)
    bench.start()
    try:
        yield bench
    except Exception:
        with suppress(Exception):
            bench.stop()
        raise
    bench.stop()
