"""The example driver, a separate project that is not installed here."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

_SOURCE = Path(__file__).parents[3] / "examples/mynet-driver-noop/src/mynet_driver_noop/__init__.py"


def load_example() -> Any:
    """Import the example from its source file."""
    spec = importlib.util.spec_from_file_location("mynet_driver_noop", _SOURCE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert "mynet_driver_noop" not in sys.modules
    return module
