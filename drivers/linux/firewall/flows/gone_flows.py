"""Deletes the flows of endpoints that are gone, before their addresses are another endpoint's.

A connection of TCP stays in the kernel's table for up to five days, and a flow of UDP as long as
one of its ends sends. The next endpoint with the address would get what the peers of the one before
send, and could send in its connections. To search the kernel's table takes some milliseconds, for
one address or for many. So a thread searches it shortly after a Disconnect, for all addresses that
have become free. A Connect that wants such an address before does it at once.
"""

import logging
import threading
from collections.abc import Collection
from typing import Final

from mynet.drivers.api import IPAddress
from mynet.drivers.linux.firewall.flows import conntrack

logger = logging.getLogger(__name__)

DELAY: Final = 0.5  # seconds in which the addresses of several endpoints are collected


class GoneFlows:
    """The addresses of endpoints that are gone, until their flows are deleted."""

    def __init__(self) -> None:
        # Held while flows are deleted.
        self._sweeping = threading.Lock()
        # Guards what follows.
        self._guard = threading.Lock()
        self._pending: set[IPAddress] = set()
        self._timer: threading.Timer | None = None

    def add(self, addresses: Collection[IPAddress]) -> None:
        """Delete the flows of these addresses soon, in the namespace of this thread."""
        with self._guard:
            self._pending.update(addresses)
            if self._pending and self._timer is None:
                self._timer = threading.Timer(DELAY, self._sweep)
                self._timer.name, self._timer.daemon = "gone-flows", True
                self._timer.start()

    def settle(self, addresses: Collection[IPAddress]) -> None:
        """Return when none of these addresses has flows of an endpoint that is gone."""
        with self._guard:
            is_settled = self._pending.isdisjoint(addresses)
        if not is_settled:
            self._delete()

    def close(self) -> None:
        """Delete the flows of the addresses that are left, and return when no thread does it."""
        with self._guard:
            timer = self._timer
        if timer:
            timer.cancel()
        self._sweep()

    def _sweep(self) -> None:
        with self._guard:
            self._timer = None
        try:
            self._delete()
        except Exception:  # the flows end by themselves
            logger.exception("the flows of endpoints that are gone were not deleted")

    def _delete(self) -> None:
        """Delete the flows of all addresses. They stay pending until that is done."""
        with self._sweeping:
            with self._guard:
                addresses = frozenset(self._pending)
            if addresses:
                conntrack.forget_addresses(addresses)
            with self._guard:
                self._pending -= addresses
