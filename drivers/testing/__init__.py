"""The driver contract as a test: what :mod:`mynet.drivers.api` says in words, asked of a driver.

One call from one test of any test runner::

    def test_the_driver_keeps_the_contract(tmp_path):
        check_driver(lambda context: MyDriver(context), tmp_path)

What a driver makes, it makes where the test runs: give it a network namespace of its own. With a
``sandbox`` the endpoints go there; without, they stay beside the host's end.

A claim is a function of a :class:`~mynet.drivers.testing.bench.Bench`, and its name is what it
claims; each module has those of one subject, in its ``CLAIMS``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from mynet.drivers.api import Driver, DriverContext, Sandbox
from mynet.drivers.testing import (
    connecting,
    creating,
    describing,
    looking,
    publishing,
    racing,
    restoring,
)
from mynet.drivers.testing.bench import Bench, cleared
from mynet.drivers.testing.samples import (
    SampleCall,
    sample_endpoint,
    sample_network,
    sample_ports,
)

__all__ = [
    "CLAIMS",
    "SampleCall",
    "check_driver",
    "sample_endpoint",
    "sample_network",
    "sample_ports",
]

Claim = Callable[[Bench], None]

# What others rely on comes first: the claim that fails is to be the one that is broken.
CLAIMS: Sequence[Claim] = (
    *describing.CLAIMS,
    *creating.CLAIMS,
    *connecting.CLAIMS,
    *restoring.CLAIMS,
    *publishing.CLAIMS,
    *looking.CLAIMS,
    *racing.CLAIMS,
)


def check_driver(
    make: Callable[[DriverContext], Driver],
    state_dir: Path,
    *,
    sandbox: Sandbox | None = None,
) -> None:
    """Raise :exc:`AssertionError` with a sentence if the driver does not keep the contract.

    ``make`` is called several times, as for a daemon that is started again. Whatever the outcome,
    what was made is taken away again, by the driver itself.
    """
    context = DriverContext(instance="conformance", state_dir=state_dir)
    for claim in CLAIMS:
        with _named(claim):
            bench = Bench(lambda: make(context), make(context), sandbox)
            with closing(bench.driver), cleared(bench):
                claim(bench)


@contextmanager
def _named(claim: Claim) -> Iterator[None]:
    """Put the claim's name before what is wrong, whatever the driver raised."""
    words = claim.__name__.replace("_", " ")
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{words}: {error}") from error
    except Exception as error:
        raise AssertionError(
            f"{words}: the driver raised {type(error).__name__}: {error}"
        ) from error
