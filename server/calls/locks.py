"""Shared and exclusive locks by key. A call waits for them until its deadline.

The core takes them in this order, so that no two calls wait for each other:

1. ``("container", container_id)``   exclusive: Connect, Disconnect and UpdateEndpoint of one
                                     container
2. ``("sandbox", cookie)``           exclusive: two networks must not race for ``eth0`` in it
3. ``("network", id)``               shared by those calls, exclusive for DeleteNetwork and
                                     UpdateNetwork
4. ``("subnet", cidr)``              shared to allocate and release, exclusive to add and drop the
                                     subnet; several of them in the order of their addresses
"""

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from mynet.server.calls.call import Call
from mynet.server.errors import Busy
from mynet.server.model.endpoints import Endpoint

MAX_WAITERS = 64  # for one key: half of the daemon's threads, so that the others stay free


@dataclass(slots=True)
class _State:
    """The calls that hold and want one key. A key without any has no state."""

    sharers: int = 0
    exclusive: bool = False
    wanted_exclusive: int = 0
    waiters: int = 0
    users: int = 0


class KeyedLocks:
    """A family of locks, one for each key."""

    def __init__(self) -> None:
        # Guards `_states` and their fields, and wakes the waiting calls when a key is freed.
        self._changed = threading.Condition()
        self._states: dict[Hashable, _State] = {}

    @contextlib.contextmanager
    def shared(self, call: Call, *key: Hashable) -> Iterator[None]:
        """Hold the key together with other calls that share it.

        Raises Busy when the call's deadline passes, and where too many calls wait already.
        """
        with self._state_of(key) as state:
            with self._changed:
                # Exclusive calls go first, so that a stream of sharing calls cannot starve them.
                free = lambda: not state.exclusive and not state.wanted_exclusive  # noqa: E731
                self._wait(call, key, state, free)
                state.sharers += 1
            try:
                yield
            finally:
                with self._changed:
                    state.sharers -= 1

    @contextlib.contextmanager
    def exclusive(self, call: Call, *key: Hashable) -> Iterator[None]:
        """Hold the key exclusively. Raises Busy as :meth:`shared` does."""
        with self._state_of(key) as state:
            with self._changed:
                state.wanted_exclusive += 1
                try:
                    self._wait(call, key, state, lambda: not (state.exclusive or state.sharers))
                finally:
                    state.wanted_exclusive -= 1
                state.exclusive = True
            try:
                yield
            finally:
                with self._changed:
                    state.exclusive = False

    @contextlib.contextmanager
    def endpoint(self, call: Call, endpoint: Endpoint) -> Iterator[None]:
        """Hold an existing endpoint: its container exclusively, its network shared.

        Raises Busy as :meth:`shared` does.
        """
        with (
            self.exclusive(call, "container", endpoint.spec.container_id),
            self.shared(call, "network", endpoint.network_id),
        ):
            yield

    @contextlib.contextmanager
    def _state_of(self, key: Hashable) -> Iterator[_State]:
        with self._changed:
            state = self._states.setdefault(key, _State())
            state.users += 1
        try:
            yield state
        finally:
            with self._changed:
                state.users -= 1
                if not state.users:
                    del self._states[key]
                self._changed.notify_all()

    def _wait(
        self, call: Call, key: tuple[Hashable, ...], state: _State, free: Callable[[], bool]
    ) -> None:
        if free():
            return
        in_time = False
        if state.waiters < MAX_WAITERS:
            state.waiters += 1
            in_time = self._changed.wait_for(free, timeout=call.remaining())
            state.waiters -= 1
        if not in_time:
            kind, name = key[0], key[-1]
            raise Busy(
                f"{kind} {name} is being changed by another call that has not ended yet;"
                " call again in a moment",
                resource=f"{kind} {name}",
            )
