"""The conformance suite of the driver contract: :mod:`mynet.drivers.api` as a test.

One call in one test of any test runner is enough::

    def test_the_driver_keeps_the_contract(tmp_path):
        check_driver(lambda context: MyDriver(context), tmp_path)

The driver works in the network namespace of the test, so a test should run in a namespace of its
own. The inner ends of endpoints go to the ``sandbox``, or stay beside the outer ends without one.

A claim is a function of a :class:`~mynet.drivers.testing.bench.Bench`, and its name is what it
claims: each public function of a module of claims.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from inspect import isfunction
from pathlib import Path

from mynet.drivers.api import Driver, DriverContext, Sandbox
from mynet.drivers.testing import (
    connecting,
    creating,
    describing,
    observing,
    publishing,
    racing,
    restoring,
)
from mynet.drivers.testing.bench import Bench, cleared
from mynet.drivers.testing.samples import SampleCall, sample_endpoint, sample_network, sample_ports

__all__ = [
    "CLAIMS",
    "SampleCall",
    "check_driver",
    "sample_endpoint",
    "sample_network",
    "sample_ports",
]

Claim = Callable[[Bench], None]

# A claim comes after those that it relies on, so that the first to fail names the fault.
_MODULES = (describing, creating, connecting, restoring, publishing, observing, racing)

CLAIMS: Sequence[Claim] = [
    function
    for module in _MODULES
    for name, function in vars(module).items()
    if isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
]


def check_driver(
    make: Callable[[DriverContext], Driver], state_dir: Path, *, sandbox: Sandbox | None = None
) -> None:
    """Raise :exc:`AssertionError` with a sentence if the driver violates the contract.

    ``make`` is called several times, as if the daemon were restarted. In any case the driver
    deletes what it made.
    """
    context = DriverContext(instance="conformance", state_dir=state_dir)
    for claim in CLAIMS:
        with _named(claim):
            bench = Bench(lambda: make(context), make(context), sandbox)
            with closing(bench.driver), cleared(bench):
                claim(bench)


@contextmanager
def _named(claim: Claim) -> Iterator[None]:
    """Raise AssertionError with the claim's name in front, for any exception of the block."""
    words = claim.__name__.replace("_", " ")
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{words}: {error}") from error
    except Exception as error:
        raise AssertionError(
            f"{words}: the driver raised {type(error).__name__}: {error}"
        ) from error
