"""A bitmap backend with a folder of its own, and a look into its file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.testing.bench import Bench
from tests.ipam.support.audit import audit
from tests.ipam.support.clocks import FakeClock


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The bitmap backend at work; at the end its file is in order."""
    made = Bench(BitmapBackend, tmp_path)
    made.start()
    yield made
    made.stop()
    audit(tmp_path)


@pytest.fixture
def clock() -> FakeClock:
    """The clock of ``timed``."""
    return FakeClock()


@pytest.fixture
def timed(tmp_path: Path, clock: FakeClock) -> Iterator[Bench]:
    """The bitmap backend at work by a clock that stands still; at the end its file is in order."""
    made = Bench(lambda context: BitmapBackend(context, clock), tmp_path)
    made.start()
    yield made
    made.stop()
    audit(tmp_path)
