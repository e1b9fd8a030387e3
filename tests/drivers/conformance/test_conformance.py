"""The conformance suite: drivers that pass it, and a nonconforming driver for each claim."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mynet.drivers.api import Driver, DriverContext
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.testing import CLAIMS, check_driver
from tests.drivers.conformance import (
    nonconforming_connecting,
    nonconforming_creating,
    nonconforming_describing,
    nonconforming_observing,
    nonconforming_publishing,
    nonconforming_racing,
    nonconforming_restoring,
)
from tests.drivers.conformance.conforming import ConformingDriver, Kernel
from tests.drivers.conformance.nonconforming_racing import LeaksDescriptors, LeaksThreads
from tests.drivers.conformance.third_party import load_example

NONCONFORMING = (
    *nonconforming_describing.NONCONFORMING,
    *nonconforming_creating.NONCONFORMING,
    *nonconforming_connecting.NONCONFORMING,
    *nonconforming_restoring.NONCONFORMING,
    *nonconforming_publishing.NONCONFORMING,
    *nonconforming_observing.NONCONFORMING,
    *nonconforming_racing.NONCONFORMING,
)


@pytest.fixture
def context(tmp_path: Path) -> DriverContext:
    return DriverContext("conformance", tmp_path)


def test_a_conforming_driver_passes(tmp_path: Path) -> None:
    kernel = Kernel()
    check_driver(lambda context: ConformingDriver(context, kernel), tmp_path)


@pytest.mark.parametrize("in_sandbox", [True, False], ids=["sandbox", "no sandbox"])
def test_the_bridge_driver_passes_on_a_kernel_in_memory(
    tmp_path: Path, *, in_sandbox: bool
) -> None:
    kernel = FakeKernel()
    sandbox = kernel.add_sandbox("/run/netns/web") if in_sandbox else None
    check_driver(lambda context: BridgeDriver(context, kernel), tmp_path, sandbox=sandbox)
    assert not kernel.list_links()
    assert not kernel.firewall.networks
    assert sandbox is None or not kernel.list_links(sandbox)


def test_the_example_passes(tmp_path: Path) -> None:
    example = load_example()
    check_driver(lambda context: example.mynet_driver(context=context), tmp_path)


@pytest.mark.parametrize(
    ("claim", "kind"), NONCONFORMING, ids=[driver.__name__ for _, driver in NONCONFORMING]
)
def test_a_nonconforming_driver_fails_with_the_claim_it_violates(
    tmp_path: Path, claim: str, kind: type[ConformingDriver]
) -> None:
    kernel = Kernel()
    with pytest.raises(AssertionError, match=f"^{claim}: ."):
        check_driver(lambda context: kind(context, kernel), tmp_path)


def test_each_claim_has_a_driver_that_violates_it() -> None:
    assert {claim for claim, _ in NONCONFORMING} == {
        function.__name__.replace("_", " ") for function in CLAIMS
    }


def test_a_hook_that_raises_fails(tmp_path: Path) -> None:
    def make(_context: DriverContext) -> Driver:
        raise OSError("no such device")

    with pytest.raises(AssertionError, match="the driver raised OSError: no such device"):
        check_driver(make, tmp_path)


def test_what_a_nonconforming_driver_made_is_deleted(tmp_path: Path) -> None:
    class AlwaysReporting(ConformingDriver):
        def check(self, *_: object) -> list[str]:
            return ["It is not there."]

    kernel = Kernel()
    with pytest.raises(AssertionError):
        check_driver(lambda context: AlwaysReporting(context, kernel), tmp_path)
    assert not kernel.networks
    assert not kernel.links


def test_every_driver_is_closed(tmp_path: Path) -> None:
    kernel, unclosed = Kernel(), set[int]()

    class Counted(ConformingDriver):
        def __init__(self, context: DriverContext, kernel: Kernel) -> None:
            super().__init__(context, kernel)
            unclosed.add(id(self))

        def close(self) -> None:
            unclosed.discard(id(self))

    check_driver(lambda context: Counted(context, kernel), tmp_path)
    assert not unclosed


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    """Close the descriptors and end the threads that the drivers leak."""
    yield
    while LeaksDescriptors.opened:
        os.close(LeaksDescriptors.opened.pop())
    LeaksThreads.end.set()
    while LeaksThreads.started:
        LeaksThreads.started.pop().join()
    LeaksThreads.end.clear()
