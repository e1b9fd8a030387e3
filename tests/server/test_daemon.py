"""Parts of the daemon's life that need no daemon."""

import os
import resource
import signal
from collections.abc import Iterator

import pytest

from mynet.server import daemon
from mynet.server.errors import CannotStart
from mynet.server.state.namespace import require_no_foreign_devices
from tests.server.support.world import World

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture
def _same_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in HANDLED}
    wakeup = signal.set_wakeup_fd(-1)
    yield
    signal.set_wakeup_fd(wakeup)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_same_signals")
def test_a_signal_before_the_daemon_waits_is_not_lost() -> None:
    next_signal = daemon._signals()
    for number in HANDLED:
        os.kill(os.getpid(), number)
    assert sorted(next_signal() for _ in HANDLED) == sorted(HANDLED)


def test_the_limit_of_descriptors_is_raised_to_its_maximum() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[1]), before[1]))
        daemon._raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_too_few_descriptors_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (16, 16))
    with pytest.raises(CannotStart, match=r"mynetd may open 16 files .*LimitNOFILE="):
        daemon._raise_descriptor_limit()


def test_devices_of_another_instance_are_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {f"br-{number}" for number in range(7)}
    require_no_foreign_devices(world.host, "7f3a")
    monkeypatch.setattr(world.host.links, "foreign_devices", lambda _: names)
    with pytest.raises(CannotStart, match=r"br-0, br-1, .*br-4, \.\.\.\).* instance 7f3a"):
        require_no_foreign_devices(world.host, "7f3a")
