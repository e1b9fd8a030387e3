"""A bitmap backend with a folder of its own, and an audit of its file."""

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
    """The running bitmap backend; at the end its file is audited."""
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
    """The bitmap backend with a fake clock; at the end its file is audited."""
    made = Bench(lambda context: BitmapBackend(context, clock), tmp_path)
    made.start()
    yield made
    made.stop()
    audit(tmp_path)
