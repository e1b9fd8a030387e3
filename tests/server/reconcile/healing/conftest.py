"""Healers that survey only when a test asks for it, and what they log."""

from collections.abc import Iterator

import pytest
import structlog

from mynet.server.reconcile import healer, repair_queue
from tests.server.reconcile.healing.logged import Log


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """What is logged. Surveys are as rare as if they never were, and no object waits long."""
    monkeypatch.setattr(healer, "SURVEY_INTERVAL", 3600.0)
    monkeypatch.setattr(repair_queue, "FIRST_RETRY", 0.05)
    with structlog.testing.capture_logs() as captured:
        yield captured
