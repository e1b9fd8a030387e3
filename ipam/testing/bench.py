"""What claims are made with: a backend at work, and a sentence for what it does wrong."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mynet.ipam.api import (
    AllocateRequest,
    Allocation,
    AllocationQuery,
    Backend,
    BackendContext,
    IPAddress,
    IPNetwork,
    ReleaseRequest,
    Usage,
)
from mynet.ipam.errors import IpamError

_DEADLINE = 60  # seconds that every call is given
_EVERYTHING = 100_000  # more allocations than any claim makes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SampleCall:
    """A call that somebody waits for, for a minute."""

    request_id: str = "conformance"
    deadline: float = field(default_factory=lambda: time.monotonic() + _DEADLINE)
    principal: str = "conformance"

    def alive(self) -> bool:
        """Say that the caller still waits."""
        return True


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
        with _only_ipam_errors("making it"):
            self._running = self._make(self.context)

    def stop(self) -> None:
        """Close the backend, if one runs."""
        running, self._running = self._running, None
        if running is not None:
            with _only_ipam_errors("close"):
                running.close()

    def restart(self) -> None:
        """Close the backend and make it again, as a daemon does that is started again."""
        self.stop()
        self.start()

    def open(self, subnet: IPNetwork) -> IPNetwork:
        """Open a subnet and return it."""
        with _only_ipam_errors("open_subnet"):
            self.backend.open_subnet(SampleCall(), subnet)
        self._subnets[subnet] = None
        return subnet

    def close(self, subnet: IPNetwork) -> None:
        """Close a subnet."""
        with _only_ipam_errors("close_subnet"):
            self.backend.close_subnet(SampleCall(), subnet)
        self._subnets.pop(subnet, None)

    def allocate(
        self,
        subnet: IPNetwork,
        owner: str = "",
        *,
        address: IPAddress | None = None,
        take_from: str = "",
    ) -> Allocation:
        """Allocate an address."""
        request = AllocateRequest(subnet, owner=owner, address=address, take_from=take_from)
        with _only_ipam_errors("allocate"):
            return self.backend.allocate(SampleCall(), request)

    def release(
        self, subnet: IPNetwork, address: IPAddress, owner: str | None = None
    ) -> Allocation:
        """Release an address."""
        request = ReleaseRequest(subnet, address, owner=owner)
        with _only_ipam_errors("release"):
            return self.backend.release(SampleCall(), request)

    def allocations(
        self,
        subnet: IPNetwork | None = None,
        *,
        address: IPAddress | None = None,
        owner: str = "",
        after: tuple[IPNetwork, IPAddress] | None = None,
        limit: int = _EVERYTHING,
    ) -> list[Allocation]:
        """List allocations."""
        query = AllocationQuery(subnet, address, owner, after, limit)
        with _only_ipam_errors("allocations"):
            return list(self.backend.allocations(SampleCall(), query))

    def usage(self, subnet: IPNetwork) -> Usage:
        """Count a subnet's addresses."""
        with _only_ipam_errors("usage"):
            return self.backend.usage(SampleCall(), subnet)

    def clear(self, subnet: IPNetwork) -> None:
        """Release all of a subnet's addresses, and close it."""
        for allocation in self.allocations(subnet):
            self.release(subnet, allocation.address)
        self.close(subnet)

    @contextmanager
    def refusing(
        self, kind: type[IpamError], thing: IPAddress | IPNetwork, *, holder: str = ""
    ) -> Iterator[None]:
        """Claim that the block raises just this, naming the thing and who holds it.

        And that, having raised it, the backend has changed nothing.
        """
        before = self._picture()
        try:
            yield
        except kind as error:
            _require_explained(error, thing, holder)
        except IpamError as error:
            raise AssertionError(
                f"{type(error).__name__} was raised about {thing}, not {kind.__name__}: {error}"
            ) from error
        else:
            raise AssertionError(f"{kind.__name__} was not raised about {thing}")
        require(
            self._picture() == before, f"having raised {kind.__name__}, it has changed something"
        )

    def _picture(self) -> tuple[Sequence[Allocation], Sequence[Usage]]:
        return self.allocations(), [self.usage(subnet) for subnet in self._subnets]


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


def require(holds: object, sentence: str) -> None:
    """State a thing; unlike ``assert``, also under ``python -O``."""
    if not holds:
        raise AssertionError(sentence)


def require_equal(found: object, expected: object, what: str) -> None:
    """State that two things are equal."""
    require(found == expected, f"{what}: {found}, where it should be {expected}")


def at_once(works: Sequence[Callable[[], T]]) -> list[T]:
    """Do each in a thread of its own, all at once; return, or raise, what they do."""
    ready = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        ready.wait(_DEADLINE)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def _require_explained(error: IpamError, thing: IPAddress | IPNetwork, holder: str) -> None:
    name = type(error).__name__
    require(str(error).strip(), f"{name} about {thing} says nothing")
    require(
        str(thing) in error.resource.split(),
        f"the resource of {name} is {error.resource!r}, which does not name {thing}",
    )
    require_equal(error.holder, holder, f"the holder of {name} about {thing}")


@contextmanager
def _only_ipam_errors(verb: str) -> Iterator[None]:
    """Let pass what a backend may raise, and name what it may not."""
    try:
        yield
    except (IpamError, AssertionError):
        raise
    except Exception as error:
        raise AssertionError(
            f"{verb} raised {type(error).__name__}, which is not an IpamError: {error}"
        ) from error
