"""The conformance suite of the IPAM contract, which tests a backend against :mod:`mynet.ipam.api`.

One call from a test of any test runner::

    def test_the_backend_keeps_the_contract(tmp_path):
        check_backend(lambda context: MyBackend(context), tmp_path)

A claim is a function of a :class:`~mynet.ipam.testing.bench.Bench`: each public function of a
module of claims. The suite cannot crash a backend, so test what a kill and a power failure leave on
the disk separately.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import isfunction
from pathlib import Path

from mynet.ipam.api import Backend, BackendContext
from mynet.ipam.testing import allocation, concurrency, durability, queries, release, subnets
from mynet.ipam.testing.bench import Bench, running
from mynet.ipam.testing.call import SampleCall

__all__ = ["CLAIMS", "SampleCall", "check_backend", "check_claim"]

Claim = Callable[[Bench], None]

_MODULES = (
    *subnets.MODULES,
    *allocation.MODULES,
    *release.MODULES,
    *queries.MODULES,
    durability,
    concurrency,
)

CLAIMS: Sequence[Claim] = [
    function
    for module in _MODULES
    for name, function in vars(module).items()
    if isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
]


def check_backend(make: Callable[[BackendContext], Backend], state_dir: Path) -> None:
    """Raise :exc:`AssertionError` with a sentence if the backend does not keep the contract.

    ``make`` is called several times: for each claim with a directory below ``state_dir`` and an
    instance of its own, and again with the same two after ``close``, as for a daemon that restarts.
    """
    for claim in CLAIMS:
        check_claim(claim, make, state_dir)


def check_claim(claim: Claim, make: Callable[[BackendContext], Backend], state_dir: Path) -> None:
    """Raise :exc:`AssertionError` with a sentence if the backend breaks one of ``CLAIMS``."""
    folder = Path(tempfile.mkdtemp(prefix=f"{claim.__name__}-", dir=state_dir))
    with _prefixed_errors(claim), running(make, folder) as bench:
        claim(bench)


@contextmanager
def _prefixed_errors(claim: Claim) -> Iterator[None]:
    """Turn whatever the claim or the backend raises into an AssertionError that names the claim."""
    words = claim.__name__.replace("_", " ")
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{words}: {error}") from error
    except Exception as error:
        raise AssertionError(
            f"{words}: the backend raised {type(error).__name__}: {error}"
        ) from error
