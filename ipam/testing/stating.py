"""What a claim states things with: sentences in place of ``assert``, which ``python -O`` drops."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from mynet.ipam.api import IPAddress, IPNetwork
from mynet.ipam.errors import IpamError

_PATIENCE = 60  # seconds that threads wait for one another

T = TypeVar("T")


def require(holds: object, sentence: str) -> None:
    """State a thing."""
    if not holds:
        raise AssertionError(sentence)


def require_equal(found: object, expected: object, what: str) -> None:
    """State that two things are equal."""
    require(found == expected, f"{what}: {found}, where it should be {expected}")


def require_between(least: float, found: float, most: float, what: str) -> None:
    """State that a number is not too small and not too large."""
    require(least <= found <= most, f"{what}: {found}, which is not from {least} to {most}")


def require_explained(error: IpamError, thing: IPAddress | IPNetwork, holder: str) -> None:
    """State that an error has a message, and names the thing in the way and who has it."""
    name = type(error).__name__
    require(str(error).strip(), f"{name} about {thing} says nothing")
    require(
        str(thing) in error.resource.split(),
        f"the resource of {name} is {error.resource!r}, which does not name {thing}",
    )
    require_equal(error.holder, holder, f"the holder of {name} about {thing}")


@contextmanager
def only_ipam_errors(verb: str) -> Iterator[None]:
    """Let pass what a backend may raise, and name what it may not."""
    try:
        yield
    except (IpamError, AssertionError):
        raise
    except Exception as error:
        raise AssertionError(
            f"{verb} raised {type(error).__name__}, which is not an IpamError: {error}"
        ) from error


def at_once(works: Sequence[Callable[[], T]]) -> list[T]:
    """Do each in a thread of its own, all at once; return, or raise, what they do."""
    ready = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        ready.wait(_PATIENCE)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
