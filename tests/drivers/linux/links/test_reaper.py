"""Many who delete at once share the wait; none goes away before its link has."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import pytest

from mynet.drivers.api import Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.errors import DriverError, KernelError
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.links import batch_delete
from mynet.drivers.linux.links.batch_delete import Reaper
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.observed import Link
from mynet.drivers.testing import sample_endpoint
from tests.drivers.linux.support.namespaces import Namespace

THREADS = 32


class Recorder:
    """A conversation that notes what is asked instead of asking it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, ...]] = []
        self.errors: list[Exception] = []
        self.opened = 0
        self._one_at_a_time = threading.Lock()

    def __call__(self) -> Self:
        return self

    def __enter__(self) -> Self:
        assert self._one_at_a_time.acquire(blocking=False), "two batches at once"
        self.opened += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._one_at_a_time.release()

    def ask(self, *requests: Request) -> None:
        self.asked.append(requests)
        if self.errors:
            raise self.errors.pop()


@pytest.fixture
def kernel_asked(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(batch_delete, "Netlink", recorder)
    return recorder


def link(number: int) -> Link:
    return Link(number, f"veth{number}", "veth", "02:00:00:00:00:01", 1500)


class Crowd:
    """Threads that delete a link each, all of them waiting while one holds the turn."""

    def __init__(self, made: Reaper, count: int = THREADS) -> None:
        self._reaper = made
        self.errors: list[Exception | None] = []
        self._threads = [threading.Thread(target=self._delete, args=(n,)) for n in range(count)]

    def _delete(self, number: int) -> None:
        try:
            self._reaper.delete([link(number)])
        except DriverError as error:
            self.errors.append(error)
        else:
            self.errors.append(None)

    def __enter__(self) -> None:
        self._reaper._turn.acquire()
        for thread in self._threads:
            thread.start()
        _await(lambda: len(self._reaper._forming.links) == len(self._threads))

    def __exit__(self, *_: object) -> None:
        self._reaper._turn.release()
        for thread in self._threads:
            thread.join()


def _await(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_those_who_wait_together_cost_one_delete(kernel_asked: Recorder) -> None:
    made = Reaper()
    crowd = Crowd(made)
    with crowd:
        assert not kernel_asked.asked
    assert crowd.errors == [None] * THREADS
    (requests,) = kernel_asked.asked
    assert len(requests) == THREADS + 1
    assert requests[-1].doing.startswith("delete veth")


def test_an_error_reaches_everybody_who_waits_and_nobody_later(kernel_asked: Recorder) -> None:
    made, failure = Reaper(), KernelError("the kernel refused")
    kernel_asked.errors = [failure]
    crowd = Crowd(made)
    with crowd:
        pass
    assert crowd.errors == [failure] * THREADS
    made.delete([link(77)])
    assert len(kernel_asked.asked) == 2


def test_a_batch_that_breaks_down_lets_the_next_one_on(kernel_asked: Recorder) -> None:
    made = Reaper()
    kernel_asked.errors = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        made.delete([link(1)])
    made.delete([link(2)])
    assert kernel_asked.opened == 2


def test_a_hundred_links_go_in_a_datagram(kernel_asked: Recorder) -> None:
    Reaper().delete([link(number) for number in range(1, 251)])
    assert [len(requests) for requests in kernel_asked.asked] == [101, 101, 51]
    assert kernel_asked.opened == 1


def test_every_batch_has_a_group_of_its_own(kernel_asked: Recorder) -> None:
    made = Reaper()
    for _ in range(20):
        made.delete([link(1)])
    assert len({requests[-1].message for requests in kernel_asked.asked}) == 20


def test_to_delete_nothing_asks_nothing(kernel_asked: Recorder) -> None:
    Reaper().delete([])
    assert kernel_asked.opened == 0


@pytest.fixture
def deletes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the real kernel, as it is asked."""
    asked: list[str] = []

    class Counted(Netlink):
        def ask(self, *requests: Request) -> tuple[int, ...]:
            asked.extend(each.doing for each in requests if each.doing.startswith("delete"))
            return super().ask(*requests)

    monkeypatch.setattr(batch_delete, "Netlink", Counted)
    return asked


def test_many_threads_detach_at_once_on_the_real_kernel(
    host: Namespace,
    kernel: LinuxKernel,
    driver: BridgeDriver,
    network: Network,
    deletes: list[str],
) -> None:
    numbers = range(1, THREADS + 1)
    veths = [driver._specs.veth(sample_endpoint(network, number)) for number in numbers]
    for veth in veths:
        kernel.attach(veth)
    left: list[frozenset[str]] = []
    together = threading.Barrier(THREADS)

    def detach(number: int) -> None:
        together.wait(timeout=10)
        kernel.detach([veths[number]])
        left.append(kernel.device_names(None) & {veths[number].name, veths[number].interface})

    threads = [threading.Thread(target=detach, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left == [frozenset()] * THREADS
    assert len(deletes) < THREADS / 2
    assert host.names() == {"lo", network.interface}
