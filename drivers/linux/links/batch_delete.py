"""Deleting links: many for the price of one.

The kernel takes 16 to 20 ms to delete a link, whoever asks, and hardly longer for a hundred in a
group. So those who come while a delete is under way wait for the next one together.
"""

import secrets
import threading
from collections.abc import Iterator, Sequence

from mynet.drivers.linux.links.bridges import GONE
from mynet.drivers.linux.netlink import link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.observed import Link

_AT_ONCE = 100  # links a datagram: each may be refused, and a socket holds some 200 answers


class _Batch:
    """Links that go together, and how it went."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.done = False
        self.error: Exception | None = None


class Reaper:
    """Deletes links for many threads, which share the wait.

    ``_forming_lock`` guards ``_forming``, the batch that newcomers join; it is never held while
    the kernel is asked. ``_turn`` is held by the one that deletes: whoever gets it next finds its
    batch either done, or its own to do for everybody in it.
    """

    def __init__(self) -> None:
        self._forming_lock = threading.Lock()
        self._forming = _Batch()
        self._turn = threading.Lock()

    def delete(self, links: Sequence[Link]) -> None:
        """Delete the links; when this returns, they and their peers are gone.

        All callers must be in the same network namespace.
        """
        if not links:
            return
        batch = self._join(links)
        with self._turn:
            if not batch.done:
                self._close()
                _run(batch)
        if batch.error is not None:
            raise batch.error

    def _join(self, links: Sequence[Link]) -> _Batch:
        with self._forming_lock:
            self._forming.links.extend(links)
            return self._forming

    def _close(self) -> None:
        """Let nobody join the batch any more: from here on a new one forms.

        A batch that is not done is the one that forms, as only the holder of ``_turn`` closes.
        """
        with self._forming_lock:
            self._forming = _Batch()


def _run(batch: _Batch) -> None:
    """Delete a batch's links, and keep what went wrong for all who wait for it."""
    try:
        with Netlink() as nl:
            for start in range(0, len(batch.links), _AT_ONCE):
                nl.ask(*_requests(batch.links[start : start + _AT_ONCE]))
    except Exception as error:  # noqa: BLE001 - it is raised in every thread that waits
        batch.error = error
    finally:
        batch.done = True


def _requests(links: Sequence[Link]) -> Iterator[Request]:
    """Put the links into a group of their own, down, and delete the group.

    Like: ``ip link set dev NAME down group N``, then ``ip link delete group N``.
    """
    group = secrets.randbits(30) + (1 << 30)  # nobody's: those that people use are small
    for link in links:
        aside = link_requests.set_down_in_group(link.index, group)
        yield Request(aside, f"set {link.name} aside", f"interface {link.name}", GONE)
    words = ", ".join(link.name for link in links[:3])
    yield Request(link_requests.delete_group(group), f"delete {words}", f"interface {words}", GONE)
