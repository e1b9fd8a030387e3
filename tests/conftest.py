"""How much of the suite runs.

``make test`` runs the short form. It leaves out the tests and parameters that carry the mark
``exhaustive``, and hypothesis draws 30 examples. ``make test-all`` passes ``--exhaustive``: all of
them run, with 120 examples.
"""

import signal

import pytest
from hypothesis import HealthCheck, settings

# Neither profile has a deadline: a busy machine must not fail a test.
settings.register_profile(
    "short", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("exhaustive", settings.get_profile("short"), max_examples=120)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--exhaustive",
        action="store_true",
        help="run the whole matrices, and draw 120 examples instead of 30",
    )


def pytest_configure(config: pytest.Config) -> None:
    # The programs under test inherit what is ignored: SIGINT and SIGQUIT by `make test &`, SIGHUP
    # by nohup(1).
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    settings.load_profile("exhaustive" if config.getoption("--exhaustive") else "short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the exhaustive tests out, as if a user had deselected them."""
    if config.getoption("--exhaustive"):
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
