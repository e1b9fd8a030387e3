"""The state directory of a daemon that has stopped."""

from pathlib import Path

import pytest

from tests.server.support.stack import Stack


@pytest.fixture
def state(folder: Path) -> Path:
    """A state directory with a network of two endpoints, and an address of another owner."""
    state = folder / "state"
    stack = Stack(state)
    stack.network("web", "10.1.0.0/24", "fd00:1::/64")
    stack.connect("c1", network="web")
    stack.connect("c2", network="web")
    stack.allocate("10.9.0.0/24", owner="vm-7")
    stack.close()
    return state
