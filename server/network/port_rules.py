"""What a spec for ports means on a network: whether it can be had, and what is held for it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import chain, combinations

from mynet.drivers.api import PORTS, DriverInfo, PortMapping
from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.values.ports import Binding
from mynet.server.errors import Violation
from mynet.server.model.networks import Network

MAX_PORTS = 256  # entries of an endpoint
MAX_RENUMBERED = 1024  # ports of an endpoint whose number changes: each is a rule of its own


def port_violations(network: Network, ports: Sequence[PortMapping]) -> Iterator[Violation]:
    """Yield what of ports the network cannot publish, whatever the host has."""
    if ports and network.spec.internal:
        fault = f"network {network.name} is internal: nothing outside of it reaches its endpoints"
        yield Violation("ports", fault)
    for place, port in enumerate(ports):
        if port.host_ip and port.host_ip.version not in network.versions:
            fault = f"network {network.name} has no IPv{port.host_ip.version} subnet"
            yield Violation(f"ports[{place}].host_ip", fault)


def require_publishable(network: Network, ports: Sequence[PortMapping], driver: DriverInfo) -> None:
    """Refuse what the driver, or the kernel, cannot publish. Raises CapabilityUnsupported."""
    if ports and PORTS not in driver.capabilities:
        raise CapabilityUnsupported(
            f"driver {driver.name} of network {network.name} publishes no ports; connect without,"
            " or use a network of another driver",
            resource=f"network {network.name}",
        )
    for port in ports:
        if port.host_ip and port.host_ip.version == 6 and port.host_ip.is_loopback:  # noqa: PLR2004
            raise CapabilityUnsupported(
                "no port can be published at ::1: the kernel leads nothing from the IPv6 loopback"
                " to another device; publish at 127.0.0.1, or at another address",
                resource=f"port {port.host_port}/{port.protocol.value}",
            )


def bindings(network: Network, port: PortMapping) -> Iterator[Binding]:
    """Tell what is held for ports: each number, in the families that the network has."""
    versions = frozenset(version for version in network.versions if port.is_of(version))
    for number in range(port.host_port, port.host_port + port.count):
        yield Binding(port.protocol, number, versions, port.address)


def all_bindings(network: Network, ports: Iterable[PortMapping]) -> Iterator[Binding]:
    """Yield the bindings of several mappings."""
    return chain.from_iterable(bindings(network, port) for port in ports)


def in_the_way(had: AbstractSet[Binding], wanted: AbstractSet[Binding]) -> Sequence[Binding]:
    """Tell what is had and not wanted, and cannot be held beside what is wanted and not had."""
    fresh: dict[int, list[Binding]] = {}
    for binding in wanted - had:
        fresh.setdefault(binding.port, []).append(binding)
    return [each for each in had - wanted if any(map(each.clashes, fresh.get(each.port, ())))]


def clashes(ports: Sequence[PortMapping | None]) -> Iterator[tuple[int, int]]:
    """Yield the places of each two entries that have a port of the host in common."""
    for (one, first), (other, second) in combinations(enumerate(ports), 2):
        if first and second and _share(first, second):
            yield one, other


def chosen_together(ports: Mapping[int, PortMapping]) -> Sequence[Sequence[int]]:
    """Group the places of ports to be chosen: those of a group get the same.

    They are what differs in nothing but the host's addresses, one of each.
    """
    groups: list[list[int]] = []
    for place, port in ports.items():
        fitting = (
            group
            for group in groups
            if replace(ports[group[0]], host_ip=port.host_ip) == port
            and not any(_meet(ports[other], port) for other in group)
        )
        group = next(fitting, None)
        if group is None:
            groups.append([place])
        else:
            group.append(place)
    return groups


def too_many(ports: Sequence[PortMapping]) -> Iterator[str]:
    """Yield what is wrong with ports that one endpoint has all of."""
    if len(ports) > MAX_PORTS:
        yield f"there would be {len(ports)} entries, and {MAX_PORTS} fit"
    renumbered = sum(
        port.count for port in ports if port.count > 1 and port.host_port != port.container_port
    )
    if renumbered > MAX_RENUMBERED:
        yield (
            f"{renumbered} ports in ranges get another number, and {MAX_RENUMBERED} may; a range"
            " that has the same numbers on both sides may be of any length"
        )


def shown(port: PortMapping) -> str:
    """Write it as ``mynetctl`` takes it: ``127.0.0.1:8080-8089:80-89/tcp``."""
    parts = [_numbers(port.host_port, port.count), _numbers(port.container_port, port.count)]
    if port.host_ip:
        parts.insert(0, f"[{port.host_ip}]" if port.host_ip.version == 6 else str(port.host_ip))  # noqa: PLR2004
    return f"{':'.join(parts)}/{port.protocol.value}"


def _numbers(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first}-{first + count - 1}"


def _share(one: PortMapping, other: PortMapping) -> bool:
    """Say whether two entries have a port of the host in common; what is to be chosen never is."""
    return (
        one.protocol is other.protocol
        and 0 not in (one.host_port, other.host_port)
        and one.host_port < other.host_port + other.count
        and other.host_port < one.host_port + one.count
        and _meet(one, other)
    )


def _meet(one: PortMapping, other: PortMapping) -> bool:
    """Say whether there is an address of the host that two entries are both at."""
    return any(one.is_of(version) and other.is_of(version) for version in (4, 6)) and (
        None in (one.address, other.address) or one.address == other.address
    )
