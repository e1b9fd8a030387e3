"""The IPAM contract as a test: what :mod:`mynet.ipam.api` says in words, asked of a backend.

One call from one test of any test runner::

    def test_the_backend_keeps_the_contract(tmp_path):
        check_backend(lambda context: MyBackend(context), tmp_path)

A claim is a function of a :class:`~mynet.ipam.testing.bench.Bench`; each module has those of one
subject, in its ``CLAIMS``. What a crash leaves on the disk cannot be asked of a backend by its
verbs: kill it in a test of its own.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mynet.ipam.api import Backend, BackendContext
from mynet.ipam.testing import (
    batches,
    cooling,
    counting,
    handovers,
    lasting,
    leaving,
    listing,
    loading,
    maps,
    owners,
    racing,
    releasing,
    rules,
    sizes,
    sticky,
    subnets,
)
from mynet.ipam.testing.bench import Bench, SampleCall, running

__all__ = ["CLAIMS", "SampleCall", "check_backend", "check_claim"]

Claim = Callable[[Bench], None]

CLAIMS: Sequence[Claim] = (
    *subnets.CLAIMS,
    *sizes.CLAIMS,
    *owners.CLAIMS,
    *handovers.CLAIMS,
    *batches.CLAIMS,
    *rules.CLAIMS,
    *releasing.CLAIMS,
    *leaving.CLAIMS,
    *cooling.CLAIMS,
    *sticky.CLAIMS,
    *loading.CLAIMS,
    *listing.CLAIMS,
    *counting.CLAIMS,
    *maps.CLAIMS,
    *lasting.CLAIMS,
    *racing.CLAIMS,
)


def check_backend(make: Callable[[BackendContext], Backend], state_dir: Path) -> None:
    """Raise :exc:`AssertionError` with a sentence if the backend does not keep the contract.

    ``make`` is called several times: for each claim with a folder below ``state_dir`` and an
    instance of its own, and again with the same ones, after ``close``, as for a daemon that is
    started again.
    """
    for claim in CLAIMS:
        check_claim(claim, make, state_dir)


def check_claim(claim: Claim, make: Callable[[BackendContext], Backend], state_dir: Path) -> None:
    """Check one of ``CLAIMS``."""
    folder = Path(tempfile.mkdtemp(prefix=f"{claim.__name__}-", dir=state_dir))
    with _named(claim), running(make, folder) as bench:
        claim(bench)


@contextmanager
def _named(claim: Claim) -> Iterator[None]:
    """Put the claim's name before what is wrong, whatever the backend raised."""
    words = claim.__name__.replace("_", " ")
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{words}: {error}") from error
    except Exception as error:
        raise AssertionError(
            f"{words}: the backend raised {type(error).__name__}: {error}"
        ) from error
