"""Many callers at once, and a record of which of them has which address."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from hypothesis import settings

from tests.server.support.refusals import unpacked

# ``make test-all`` has all the callers that the daemon's locks are made for.
CALLERS = 32 if settings.get_current_profile_name() == "exhaustive" else 12
ROUNDS = 3

Run = Callable[[Callable[[], object]], None]


class Holders:
    """The addresses that callers have at this moment, by their answers."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: set[str] = set()

    def take(self, *addresses: str) -> None:
        with self._guard:
            twice = self._held.intersection(addresses)
            assert not twice, f"given to two callers: {twice}"
            self._held.update(addresses)

    def give(self, *addresses: str) -> None:
        with self._guard:
            self._held.difference_update(addresses)


def stress(work: Callable[[int], object]) -> None:
    """Run ``work`` for all callers at once. Raises the first error of one of them."""
    with ThreadPoolExecutor(CALLERS) as callers:
        for done in [callers.submit(work, number) for number in range(CALLERS)]:
            done.result(timeout=60)


def allowed(*reasons: str) -> Run:
    """Return a function that runs a call, and ignores an error with one of these reasons."""

    def run(call: Callable[[], object]) -> None:
        try:
            call()
        except grpc.RpcError as error:
            if unpacked(error).reason not in reasons:
                raise

    return run
