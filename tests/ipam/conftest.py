"""A bitmap backend with a folder of its own, and a look into its file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mynet.ipam.bitmap import BitmapBackend
from mynet.ipam.testing.bench import Bench
from tests.ipam.audit import audit

# A busy machine is no reason for a test to fail.
settings.register_profile("mynet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mynet")


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
