"""The contract's suite: who passes it, and that each of its claims can fail."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mynet.drivers.api import Driver, DriverContext
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.fake.kernel import FakeKernel
from mynet.drivers.testing import CLAIMS, check_driver
from tests.drivers.conformance import (
    broken_connecting,
    broken_creating,
    broken_describing,
    broken_looking,
    broken_publishing,
    broken_racing,
    broken_restoring,
)
from tests.drivers.conformance.broken_racing import LeaksDescriptors, LeaksThreads
from tests.drivers.conformance.sound import Kernel, SoundDriver
from tests.drivers.conformance.third_party import load_example

BROKEN = (
    *broken_describing.BROKEN,
    *broken_creating.BROKEN,
    *broken_connecting.BROKEN,
    *broken_restoring.BROKEN,
    *broken_publishing.BROKEN,
    *broken_looking.BROKEN,
    *broken_racing.BROKEN,
)


@pytest.fixture
def context(tmp_path: Path) -> DriverContext:
    return DriverContext("conformance", tmp_path)


def test_a_sound_driver_passes(tmp_path: Path) -> None:
    kernel = Kernel()
    check_driver(lambda context: SoundDriver(context, kernel), tmp_path)


@pytest.mark.parametrize("in_sandbox", [True, False], ids=["sandbox", "no sandbox"])
def test_the_bridge_driver_passes_on_a_kernel_in_memory(
    tmp_path: Path, *, in_sandbox: bool
) -> None:
    kernel = FakeKernel()
    sandbox = kernel.add_sandbox("/run/netns/web") if in_sandbox else None
    check_driver(lambda context: BridgeDriver(context, kernel), tmp_path, sandbox=sandbox)
    assert not kernel.links()
    assert not kernel.segments
    assert sandbox is None or not kernel.links(sandbox)


def test_the_example_passes(tmp_path: Path) -> None:
    example = load_example()
    check_driver(lambda context: example.mynet_driver(context=context), tmp_path)


@pytest.mark.parametrize(
    ("claim", "broken"), BROKEN, ids=[f"{driver.__name__}" for _, driver in BROKEN]
)
def test_a_broken_driver_is_told_which_claim_it_breaks(
    tmp_path: Path, claim: str, broken: type[SoundDriver]
) -> None:
    kernel = Kernel()
    with pytest.raises(AssertionError, match=f"^{claim}: ."):
        check_driver(lambda context: broken(context, kernel), tmp_path)


def test_each_claim_has_a_driver_that_breaks_it() -> None:
    assert {claim for claim, _ in BROKEN} == {each.__name__.replace("_", " ") for each in CLAIMS}


def test_a_driver_that_cannot_even_be_made_fails(tmp_path: Path) -> None:
    def make(_context: DriverContext) -> Driver:
        raise OSError("no such device")

    with pytest.raises(AssertionError, match="the driver raised OSError: no such device"):
        check_driver(make, tmp_path)


def test_what_a_broken_driver_made_is_taken_away_all_the_same(tmp_path: Path) -> None:
    class Blind(SoundDriver):
        def check(self, *_: object) -> list[str]:
            return ["It is not there."]

    kernel = Kernel()
    with pytest.raises(AssertionError):
        check_driver(lambda context: Blind(context, kernel), tmp_path)
    assert not kernel.networks
    assert not kernel.links


def test_every_driver_that_was_made_is_closed(tmp_path: Path) -> None:
    kernel, unclosed = Kernel(), set[int]()

    class Counted(SoundDriver):
        def __init__(self, context: DriverContext, kernel: Kernel) -> None:
            super().__init__(context, kernel)
            unclosed.add(id(self))

        def close(self) -> None:
            unclosed.discard(id(self))

    check_driver(lambda context: Counted(context, kernel), tmp_path)
    assert not unclosed


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    """End what the leaking drivers left."""
    yield
    while LeaksDescriptors.opened:
        os.close(LeaksDescriptors.opened.pop())
    LeaksThreads.end.set()
    while LeaksThreads.started:
        LeaksThreads.started.pop().join()
    LeaksThreads.end.clear()
