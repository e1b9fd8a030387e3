"""The firewall of the kernel in memory: what its sets hold, unless somebody flushed it."""

from collections.abc import Iterable, Sequence
from itertools import chain

from mynet.drivers.api import IPAddress
from mynet.drivers.linux.firewall.elements import Element, text
from mynet.drivers.linux.firewall.ruleset import elements, published
from mynet.drivers.linux.values.desired import NetworkRules
from mynet.drivers.linux.values.ports import Forward, PortForwards


class Firewall:
    """The table. For one thread at a time: FakeKernel holds its lock.

    What is put into a table that was flushed brings back all of it, as the real one is loaded anew.
    """

    def __init__(self) -> None:
        self._segments: dict[str, NetworkRules] = {}
        self._publications: dict[str, PortForwards] = {}
        self._is_loaded = self._is_flushed = False

    @property
    def segments(self) -> dict[str, NetworkRules]:
        """What it holds of networks, by bridge."""
        return {} if self._is_flushed else dict(self._segments)

    @property
    def publications(self) -> dict[str, PortForwards]:
        """What it holds of published ports, by endpoint."""
        return {} if self._is_flushed else dict(self._publications)

    def flush(self) -> None:
        """Lose all of it."""
        self._is_flushed = True

    def load(self, segments: Iterable[NetworkRules], publications: Iterable[PortForwards]) -> None:
        """Replace what it holds."""
        self._segments = {segment.bridge: segment for segment in segments}
        self._publications = {each.endpoint: each for each in publications}
        self._stand()

    def add(self, segment: NetworkRules) -> None:
        """Put a network in."""
        self._segments[segment.bridge] = segment
        self._stand()

    def remove(self, segment: NetworkRules) -> None:
        """Take a network out."""
        self._segments.pop(segment.bridge, None)

    def publish(self, publication: PortForwards) -> None:
        """Put an endpoint's ports in, and no others of it."""
        self._publications[publication.endpoint] = publication
        if not publication.forwards:
            del self._publications[publication.endpoint]
        self._stand()

    def unpublish(self, publication: PortForwards) -> None:
        """Take an endpoint's ports out."""
        self._publications.pop(publication.endpoint, None)

    def targets(self) -> frozenset[IPAddress]:
        """List where published ports lead."""
        forwards = [each for one in self._publications.values() for each in one.forwards]
        return frozenset(each.target for each in forwards)

    def rules_stand(self) -> bool:
        """Say whether it was not flushed since it was loaded."""
        return not (self._is_loaded and self._is_flushed)

    def unfiltered(self, segment: NetworkRules) -> Sequence[str]:
        """List what it lacks of a network."""
        if not self._is_loaded or self.segments.get(segment.bridge) == segment:
            return ()
        return [f"{text(each)} in the set {each.set}" for each in elements(segment)]

    def unpublished(self, publication: PortForwards) -> Sequence[Forward]:
        """List those of an endpoint's ports that it lacks."""
        standing = self.publications.get(publication.endpoint, PortForwards("")).forwards
        return [each for each in publication.forwards if each not in standing]

    def unserved(
        self, segments: Sequence[NetworkRules], publications: Sequence[PortForwards]
    ) -> frozenset[str]:
        """Tell which bridges and endpoints it is not right for."""
        return frozenset(
            [each.bridge for each in segments if self.unfiltered(each)]
            + [each.endpoint for each in publications if self.unpublished(each)]
        )

    def misfiltered(
        self,
        segments: Sequence[NetworkRules],
        possible: Sequence[NetworkRules],
        publications: Iterable[PortForwards],
    ) -> Sequence[str]:
        """Tell how it is not what these make of it."""
        if not self._is_loaded or self._is_flushed:
            return ["The firewall's table inet mynet is not there."]
        found = _elements(self._segments.values(), self._publications.values())
        asked = {(each.set, each.value) for each in _elements(possible, publications)}
        lacks = [each for each in _elements(segments) if each not in found]
        return [
            *(f"The firewall lacks {text(each)} in the set {each.set}." for each in lacks),
            *(
                f"The firewall has {text(each)} in the {'map' if each.data else 'set'}"
                f" {each.set}, which nothing on record asks for."
                for each in found
                if (each.set, each.value) not in asked
            ),
        ]

    def _stand(self) -> None:
        self._is_loaded, self._is_flushed = True, False


def _elements(
    segments: Iterable[NetworkRules], publications: Iterable[PortForwards] = ()
) -> dict[Element, None]:
    """Tell what all of these put into the firewall, in order."""
    of_segments = chain.from_iterable(map(elements, segments))
    return dict.fromkeys(chain(of_segments, *map(published, publications)))
