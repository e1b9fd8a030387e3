"""What port mappings mean on a network: which are valid, and which ports they need."""

import resource
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import chain, combinations

from mynet.drivers.api import IPV4, IPV6, PORTS, DriverInfo, PortMapping
from mynet.drivers.errors import CapabilityUnsupported, PortsExhausted
from mynet.drivers.linux.values.ports import Binding
from mynet.server.errors import Violation
from mynet.server.model.networks import Network

MAX_PORTS = 256  # mappings of an endpoint
_SPARE = 256  # file descriptors that are left for everything else
MAX_RENUMBERED = 1024  # ports of an endpoint in ranges that change the number: each is a rule


def port_violations(
    network: Network, ports: Sequence[PortMapping], versions: AbstractSet[int]
) -> Iterator[Violation]:
    """Yield a violation for each mapping that the network cannot publish on any host.

    ``versions`` are the IP versions that the endpoint's options leave to it.
    """
    if ports and network.spec.internal:
        sentence = f"network {network.name} is internal, so its endpoints publish no ports"
        yield Violation("ports", sentence)
    for place, port in enumerate(ports):
        if port.host_ip and port.host_ip.version not in network.versions:
            sentence = f"network {network.name} has no IPv{port.host_ip.version} subnet"
            yield Violation(f"ports[{place}].host_ip", sentence)
        elif port.host_ip and port.host_ip.version not in versions:
            yield Violation(f"ports[{place}].host_ip", "the endpoint's options turn IPv6 off")


def require_publishable(network: Network, ports: Sequence[PortMapping], driver: DriverInfo) -> None:
    """Raise CapabilityUnsupported for ports that the driver or the kernel cannot publish."""
    if ports and PORTS not in driver.capabilities:
        raise CapabilityUnsupported(
            f"driver {driver.name} of network {network.name} publishes no ports; connect without,"
            " or use a network of another driver",
            resource=f"network {network.name}",
        )
    for port in ports:
        if port.host_ip and port.host_ip.version == IPV6 and port.host_ip.is_loopback:
            raise CapabilityUnsupported(
                "no port can be published at ::1: the kernel forwards nothing from the IPv6"
                " loopback; publish at 127.0.0.1, or at another address",
                resource=f"port {port.host_port}/{port.protocol.value}",
            )


def bindings(network: Network, port: PortMapping) -> Iterator[Binding]:
    """Yield the bindings of a mapping: one for each port, in the network's IP versions."""
    versions = frozenset(version for version in network.versions if port.is_of(version))
    for number in range(port.host_port, port.host_port + port.count):
        yield Binding(port.protocol, number, versions, port.address)


def all_bindings(network: Network, ports: Iterable[PortMapping]) -> Iterator[Binding]:
    """Yield the bindings of several mappings."""
    return chain.from_iterable(bindings(network, port) for port in ports)


def in_the_way(had: AbstractSet[Binding], wanted: AbstractSet[Binding]) -> Sequence[Binding]:
    """Return the bindings to be removed that clash with bindings to be added."""
    fresh: dict[int, list[Binding]] = {}
    for binding in wanted - had:
        fresh.setdefault(binding.port, []).append(binding)
    return [
        binding
        for binding in had - wanted
        if any(map(binding.clashes, fresh.get(binding.port, ())))
    ]


def clashes(ports: Sequence[PortMapping | None]) -> Iterator[tuple[int, int]]:
    """Yield the places of each two mappings that have a port of the host in common."""
    for (place, port), (later_place, later_port) in combinations(enumerate(ports), 2):
        if port and later_port and _share_port(port, later_port):
            yield place, later_place


def chosen_together(ports: Mapping[int, PortMapping]) -> Sequence[Sequence[int]]:
    """Return groups of places; the mappings of a group get the same port of the host.

    The mappings of a group differ only in the host's address.
    """
    groups: list[list[int]] = []
    for place, port in ports.items():
        fitting = (
            group
            for group in groups
            if replace(ports[group[0]], host_ip=port.host_ip) == port
            and not any(_share_address(ports[member], port) for member in group)
        )
        group = next(fitting, None)
        if group is None:
            groups.append([place])
        else:
            group.append(place)
    return groups


def candidates(spans: Sequence[range], count: int) -> Iterator[int]:
    """Yield each place where ``count`` ports fit, beginning at a random one."""
    begins = [range(span.start, span.stop - count + 1) for span in spans if len(span) >= count]
    if not begins:
        return
    ahead = secrets.randbelow(sum(map(len, begins)))
    for place, span in enumerate(begins):
        if ahead < len(span):
            yield from chain(span[ahead:], *begins[place + 1 :], *begins[:place], span[:ahead])
            return
        ahead -= len(span)


def require_descriptors(held: int, wanted: int) -> None:
    """Raise PortsExhausted where more ports, a file descriptor each, would exceed the limit."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if wanted and held + wanted + _SPARE > limit:
        raise PortsExhausted(
            f"{wanted} more ports cannot be held: that takes a file descriptor each, mynetd may"
            f" have {limit} and holds {held} ports already; disconnect endpoints, or start"
            " mynetd with a higher limit (LimitNOFILE=, ulimit -n)",
            resource="file descriptors",
            metadata={"limit": str(limit), "held": str(held)},
        )


def exhausted(port: PortMapping) -> PortsExhausted:
    """Return the error for a mapping whose port of the host cannot be chosen."""
    many = "no port" if port.count == 1 else f"no {port.count} ports in a row"
    return PortsExhausted(
        f"{many} of {port.protocol.name} could be chosen: all that the kernel chooses from"
        " (net.ipv4.ip_local_port_range, less ip_local_reserved_ports) are taken; name a port"
        " outside of these, or disconnect endpoints",
        resource=f"port 0/{port.protocol.value}",
    )


def too_many(ports: Sequence[PortMapping]) -> Iterator[str]:
    """Yield a sentence for each limit that the ports of one endpoint exceed."""
    if len(ports) > MAX_PORTS:
        yield f"there would be {len(ports)} entries, and at most {MAX_PORTS} are allowed"
    renumbered = sum(
        port.count for port in ports if port.count > 1 and port.host_port != port.container_port
    )
    if renumbered > MAX_RENUMBERED:
        yield (
            f"{renumbered} ports in ranges change their number, and at most {MAX_RENUMBERED} may; a"
            " range with the same numbers on both sides may have any length"
        )


def shown(port: PortMapping) -> str:
    """Return a mapping as ``mynetctl`` takes it: ``127.0.0.1:8080-8089:80-89/tcp``."""
    parts = [_numbers(port.host_port, port.count), _numbers(port.container_port, port.count)]
    if port.host_ip:
        parts.insert(0, f"[{port.host_ip}]" if port.host_ip.version == IPV6 else str(port.host_ip))
    return f"{':'.join(parts)}/{port.protocol.value}"


def _numbers(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first}-{first + count - 1}"


def _share_port(port: PortMapping, other: PortMapping) -> bool:
    """Return whether two mappings have a named port of the host in common."""
    return (
        port.protocol is other.protocol
        and 0 not in (port.host_port, other.host_port)
        and port.host_port < other.host_port + other.count
        and other.host_port < port.host_port + port.count
        and _share_address(port, other)
    )


def _share_address(port: PortMapping, other: PortMapping) -> bool:
    """Return whether two mappings are open at one address of the host."""
    return any(port.is_of(version) and other.is_of(version) for version in (IPV4, IPV6)) and (
        None in (port.address, other.address) or port.address == other.address
    )
