"""The firewall: one table, ``inet mynet``, loaded whole and then changed by the element."""

import logging
import threading
from collections import deque
from collections.abc import Container, Iterable, Sequence
from itertools import chain

from mynet.drivers.api import IPAddress
from mynet.drivers.linux.firewall.elements import Element, plain, text
from mynet.drivers.linux.firewall.fingerprint import generation, skeleton
from mynet.drivers.linux.firewall.nft import TABLE_NAME, run_nft
from mynet.drivers.linux.firewall.ruleset import elements, forwarded, published, ruleset
from mynet.drivers.linux.firewall.set_elements import Change, absent, commit, stands
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.ports import Forward, PortForwards

logger = logging.getLogger(__name__)

_REMEMBERED = 512  # changes; they are asked about within a tenth of a second


class _Leaving:
    """Endpoints whose ports end together, and how it went."""

    def __init__(self) -> None:
        self.publications: list[PortForwards] = []
        self.done = False
        self.error: Exception | None = None


class Firewall:
    """Keeps the table at the networks, and at the published ports, that it was told of.

    ``_lock`` guards the table, from the decision to the kernel's answer, and ``_segments`` and
    ``_publications``: what the table should hold, by bridge and by endpoint, so that one that was
    flushed is made again whole and not with the one network that happened to notice. It guards
    ``_skeleton`` too: the table, chains and rules as they were loaded, None before that.
    ``_sound`` is the kernel's count of transactions when the last survey found nothing amiss.
    ``authors`` are the netlink ports that this one has lately made changes by.
    ``_leaving_lock`` guards ``_leaving``, the endpoints that newcomers leave with; it is taken with
    and without ``_lock``, and nothing is waited for while it is held.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._segments: dict[str, NetworkRules] = {}
        self._publications: dict[str, PortForwards] = {}
        self._skeleton: bytes | None = None
        self._sound = -1
        self._authors: deque[int] = deque(maxlen=_REMEMBERED)
        self._leaving_lock = threading.Lock()
        self._leaving = _Leaving()

    @property
    def authors(self) -> Container[int]:
        """The netlink ports by which the kernel names us when it notifies others.

        To add one and to look for one is one step each to Python, so it takes no lock.
        """
        return self._authors

    def load(
        self,
        instance: str,
        segments: Iterable[NetworkRules],
        publications: Iterable[PortForwards] = (),
    ) -> None:
        """Replace the table whole, in one transaction: there is no moment without rules."""
        with self._lock:
            self._segments = {segment.bridge: segment for segment in segments}
            self._publications = {each.endpoint: each for each in publications}
            self._load(instance)

    def add(self, instance: str, segment: NetworkRules) -> None:
        """Put the network into the table, in one transaction; loads the table if it is not there.

        What the network had there before and has no more is removed. A network that is refused, or
        whose name the table cannot be loaded with, is not remembered: it would spoil the next
        loading for all others.
        """
        plain(segment.bridge)
        with self._lock:
            before = self._segments.get(segment.bridge)
            is_there = self._commit(_changes(elements(before) if before else (), elements(segment)))
            self._segments[segment.bridge] = segment
            if not (is_there and self._rules_stand()):
                self._load_anew(instance)

    def remove(self, segment: NetworkRules) -> None:
        """Take the network out of the table, in one transaction."""
        with self._lock:
            self._segments.pop(segment.bridge, None)
            self._commit(_changes(elements(segment), ()))

    def publish(self, instance: str, publication: PortForwards) -> Sequence[Forward]:
        """Have an endpoint's ports lead to it, in one transaction, as :meth:`add` does.

        Those that it had before and has no more lead nowhere afterwards. Returns those that led
        elsewhere until now, or may have: none where all was as it should be.
        """
        with self._lock:
            before = self._publications.get(
                publication.endpoint, PortForwards(publication.endpoint)
            )
            standing = [each for each in publication.forwards if each in before.forwards]
            lost = _missing(standing)
            if before == publication and not lost:
                return ()
            is_there = self._commit(_changes(published(before), published(publication)))
            if not is_there:
                self._load_anew(instance, publication)
            self._publications[publication.endpoint] = publication
        kept = [each for each in standing if each not in lost]
        return [each for each in (*before.forwards, *publication.forwards) if each not in kept]

    def unpublish(self, publication: PortForwards) -> None:
        """Take an endpoint's ports out of the table, in one transaction.

        The kernel takes 15 ms to let go of an element, and hardly longer for a thousand: those who
        come while the table is being changed wait for the next transaction together.
        """
        with self._leaving_lock:
            leaving = self._leaving
            leaving.publications.append(publication)
        with self._lock:
            if not leaving.done:
                with self._leaving_lock:
                    self._leaving = _Leaving()
                self._take_out(leaving)
        if leaving.error is not None:
            raise leaving.error

    def _take_out(self, leaving: "_Leaving") -> None:
        """Take out all that leave, and keep what went wrong for whoever waits. Holds ``_lock``."""
        try:
            self._commit(_changes(chain.from_iterable(map(self._forget, leaving.publications)), ()))
        except Exception as error:  # noqa: BLE001 - it is raised in every thread that waits
            leaving.error = error
        finally:
            leaving.done = True

    def _forget(self, publication: PortForwards) -> Iterable[Element]:
        """Forget an endpoint; return what the table has of it. Holds ``_lock``.

        Of one that it was not told of, that is only what leads there: its ports may be another's.
        """
        before = self._publications.pop(publication.endpoint, None)
        return published(before) if before else filter(stands, published(publication))

    def unpublished(self, publication: PortForwards) -> Sequence[Forward]:
        """List those of an endpoint's ports that the table does not lead to it."""
        with self._lock:
            return _missing(publication.forwards)

    def targets(self) -> frozenset[IPAddress]:
        """Tell whereto published ports lead."""
        with self._lock:
            publications = list(self._publications.values())
        return frozenset(forward.target for each in publications for forward in each.forwards)

    def rules_stand(self) -> bool:
        """Say whether table, chains and rules are as they were loaded, if they ever were."""
        with self._lock:
            return self._rules_stand()

    def unfiltered(self, segment: NetworkRules) -> Sequence[str]:
        """List what the sets lack of a network, each as nft(8) writes it.

        Nothing before the table is loaded for the first time, which is done whole.
        """
        with self._lock:
            if self._skeleton is None:
                return ()
            return [f"{text(each)} in the set {each.set}" for each in absent(elements(segment))]

    def unserved(
        self, segments: Sequence[NetworkRules], publications: Sequence[PortForwards]
    ) -> frozenset[str]:
        """Tell which bridges, and endpoints by their ids, the table is not right for.

        While nobody has committed anything since all was well, that is one question for all.
        """
        now = generation()
        if now == self._sound:
            return frozenset()
        if not self.rules_stand():
            return frozenset(
                [each.bridge for each in segments] + [each.endpoint for each in publications]
            )
        wrong = [each.bridge for each in segments if self.unfiltered(each)]
        wrong += [each.endpoint for each in publications if self.unpublished(each)]
        if not wrong:
            self._sound = now
        return frozenset(wrong)

    def _rules_stand(self) -> bool:
        return self._skeleton is None or b"" != self._skeleton == skeleton()

    def _commit(self, changes: Sequence[Change]) -> bool:
        """Make changes under a name that is remembered. Holds ``_lock``."""
        return commit(changes, self._authors.append)

    def _load_anew(self, instance: str, *more: PortForwards) -> None:
        """Load a table that somebody has deleted, flushed or changed. Holds ``_lock``."""
        logger.warning("%s was not as it was left: it is loaded anew", TABLE_NAME)
        self._load(instance, *more)

    def _load(self, instance: str, *more: PortForwards) -> None:
        """Like: nft -f -. Holds ``_lock``."""
        publications = self._publications | {each.endpoint: each for each in more}
        whole = ruleset(instance, self._segments.values(), publications.values())
        run_nft("load", ["-f", "-"], whole)
        self._skeleton = skeleton()


def _missing(forwards: Iterable[Forward]) -> Sequence[Forward]:
    return [each for each in forwards if any(absent(forwarded(each)))]


def _changes(before: Iterable[Element], after: Iterable[Element]) -> list[Change]:
    """Tell what leads from one to the other; what should be there is always asked for."""
    wanted = dict.fromkeys(after)
    gone = [element for element in dict.fromkeys(before) if element not in wanted]
    return [
        *(Change(element, add=False) for element in gone),
        *(Change(element, add=True) for element in wanted),
    ]
