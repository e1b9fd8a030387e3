"""What is to change of networks and endpoints that are there: values, as the specs are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mynet.drivers.api import PortMapping


@dataclass(frozen=True, slots=True)
class MapChange:
    """What is to change of labels or options: those to set, and those to take away.

    With ``replace``, all that is not set is taken away.
    """

    put: Mapping[str, str] = field(default_factory=dict)
    remove: frozenset[str] = frozenset()
    replace: bool = False

    def __bool__(self) -> bool:
        return bool(self.put or self.remove or self.replace)

    def applied(self, before: Mapping[str, str]) -> Mapping[str, str]:
        """Return what comes of it; all that is not named stays."""
        if self.replace:
            return self.put
        kept = {key: value for key, value in before.items() if key not in self.remove}
        return {**kept, **self.put}


@dataclass(frozen=True, slots=True)
class NetworkChange:
    """What is to change of a network."""

    labels: MapChange = MapChange()
    options: MapChange = MapChange()


@dataclass(frozen=True, slots=True)
class Published:
    """A port as it was asked for, and as it is; those that were not chosen yet are the same."""

    spec: PortMapping
    port: PortMapping

    def is_meant_by(self, pattern: PortMapping) -> bool:
        """Say whether it is one of those that ``pattern`` describes, which may leave much open."""
        return (
            (self.port.protocol, self.port.container_port, self.port.count)
            == (pattern.protocol, pattern.container_port, pattern.count)
            and pattern.host_port in (0, self.port.host_port)
            and pattern.host_ip in (None, self.port.host_ip)
        )


@dataclass(frozen=True, slots=True)
class PortsChange:
    """What is to change of an endpoint's ports: those to publish, and those to take away.

    With ``replace``, all that is not to be published is taken away. What is removed may leave open
    at which of the host's addresses (None) and ports (0) it is.
    """

    put: tuple[PortMapping, ...] = ()
    remove: tuple[PortMapping, ...] = ()
    replace: bool = False

    def __bool__(self) -> bool:
        return bool(self.put or self.remove or self.replace)

    def applied(self, before: Sequence[Published]) -> Sequence[Published]:
        """Return what comes of it. What is there as it was asked for stays, chosen or named."""
        kept = [each for each in before if not any(map(each.is_meant_by, self.remove))]
        rest, asked, added = list(kept), list[Published](), list[Published]()
        for spec in self.put:
            there = next((each for each in rest if spec in (each.spec, each.port)), None)
            asked.append(Published(spec, there.port if there else spec))
            if there is None:
                added.append(asked[-1])
            else:
                rest.remove(there)
        return asked if self.replace else [*kept, *added]


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What is to change of an endpoint."""

    labels: MapChange = MapChange()
    ports: PortsChange = PortsChange()
