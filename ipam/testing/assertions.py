"""Assertions with a sentence each, in place of ``assert``, which ``python -O`` removes."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from mynet.ipam.api import IPAddress, IPNetwork
from mynet.ipam.errors import IpamError

_PATIENCE = 60  # seconds that threads wait for one another

T = TypeVar("T")


def require(condition: object, sentence: str) -> None:
    """Raise AssertionError unless the condition holds."""
    if not condition:
        raise AssertionError(sentence)


def require_equal(actual: object, expected: object, what: str) -> None:
    """Raise AssertionError unless two values are equal."""
    require(actual == expected, f"{what}: {actual}, where it should be {expected}")


def require_between(least: float, actual: float, most: float, what: str) -> None:
    """Raise AssertionError unless a number is within two bounds."""
    require(least <= actual <= most, f"{what}: {actual}, which is not from {least} to {most}")


def require_explained(error: IpamError, thing: IPAddress | IPNetwork, holder: str) -> None:
    """Raise AssertionError unless an error has a message, its resource and the holder."""
    name = type(error).__name__
    require(str(error).strip(), f"{name} about {thing} says nothing")
    require(
        str(thing) in error.resource.split(),
        f"the resource of {name} is {error.resource!r}, which does not name {thing}",
    )
    require_equal(error.holder, holder, f"the holder of {name} about {thing}")


@contextmanager
def only_ipam_errors(verb: str) -> Iterator[None]:
    """Turn an error that a backend may not raise into an AssertionError that names the verb."""
    try:
        yield
    except (IpamError, AssertionError):
        raise
    except Exception as error:
        raise AssertionError(
            f"{verb} raised {type(error).__name__}, which is not an IpamError: {error}"
        ) from error


def in_threads(works: Sequence[Callable[[], T]]) -> list[T]:
    """Run each function in a thread of its own, all at once; return their results in order."""
    ready = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        ready.wait(_PATIENCE)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
