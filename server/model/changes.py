"""Changes of networks and endpoints, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mynet.drivers.api import PortMapping


@dataclass(frozen=True, slots=True)
class MapChange:
    """A change of labels or options."""

    # Entries to set.
    put: Mapping[str, str] = field(default_factory=dict)
    # Keys of the entries to remove.
    remove: frozenset[str] = frozenset()
    # Whether to remove every entry that is not set.
    replace: bool = False

    def __bool__(self) -> bool:
        return bool(self.put or self.remove or self.replace)

    def applied(self, before: Mapping[str, str]) -> Mapping[str, str]:
        """Return the entries after the change. An entry that the change does not name stays."""
        if self.replace:
            return self.put
        kept = {key: value for key, value in before.items() if key not in self.remove}
        return {**kept, **self.put}


@dataclass(frozen=True, slots=True)
class NetworkChange:
    """A change of a network."""

    labels: MapChange = MapChange()
    options: MapChange = MapChange()


@dataclass(frozen=True, slots=True)
class Published:
    """A published port of an endpoint."""

    # The mapping as the caller asked for it.
    spec: PortMapping
    # The mapping as it is. It is the same as the spec until a port of the host is chosen.
    port: PortMapping

    def matches(self, pattern: PortMapping) -> bool:
        """Return whether a pattern, which may leave the host's port and address open, fits."""
        return (
            (self.port.protocol, self.port.container_port, self.port.count)
            == (pattern.protocol, pattern.container_port, pattern.count)
            and pattern.host_port in (0, self.port.host_port)
            and pattern.host_ip in (None, self.port.host_ip)
        )


@dataclass(frozen=True, slots=True)
class PortsChange:
    """A change of an endpoint's ports."""

    # Ports to publish.
    put: tuple[PortMapping, ...] = ()
    # Patterns of the ports to remove. They may leave the host's address (None) and port (0) open.
    remove: tuple[PortMapping, ...] = ()
    # Whether to remove every port that is not to be published.
    replace: bool = False

    def __bool__(self) -> bool:
        return bool(self.put or self.remove or self.replace)

    def applied(self, before: Sequence[Published]) -> Sequence[Published]:
        """Return the ports after the change. A port that is asked for again keeps its number."""
        kept = [port for port in before if not any(map(port.matches, self.remove))]
        rest, asked, added = list(kept), list[Published](), list[Published]()
        for spec in self.put:
            existing = next((port for port in rest if spec in (port.spec, port.port)), None)
            asked.append(Published(spec, existing.port if existing else spec))
            if existing is None:
                added.append(asked[-1])
            else:
                rest.remove(existing)
        return asked if self.replace else [*kept, *added]


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """A change of an endpoint."""

    labels: MapChange = MapChange()
    ports: PortsChange = PortsChange()
    options: MapChange = MapChange()
