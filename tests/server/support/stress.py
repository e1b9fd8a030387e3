"""Many callers at once, and what they see of each other."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

from tests.server.support.refusals import unpacked

CALLERS = 32
ROUNDS = 3

Run = Callable[[Callable[[], object]], None]


class Holders:
    """Who has which address at this moment, as the callers see it."""

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


def storm(work: Callable[[int], object]) -> None:
    """Let all callers work at once; the first failure of one of them fails the test."""
    with ThreadPoolExecutor(CALLERS) as callers:
        for done in [callers.submit(work, number) for number in range(CALLERS)]:
            done.result(timeout=60)


def allowed(*reasons: str) -> Run:
    """Make what runs a call and takes these refusals for an answer."""

    def run(call: Callable[[], object]) -> None:
        try:
            call()
        except grpc.RpcError as error:
            if unpacked(error).reason not in reasons:
                raise

    return run
