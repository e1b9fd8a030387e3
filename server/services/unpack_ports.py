"""Published ports into the core's own type, with all faults at once."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from mynet.drivers.api import IPAddress, PortMapping, PortProtocol
from mynet.server.errors import quoted
from mynet.server.services import parsers
from mynet.server.services.faults import Faults
from mynet.v1 import network_pb2

MAX_PORTS = 256  # entries of a request
MAX_RENUMBERED = 1024  # ports of a request whose number changes: each is a rule of its own
LAST_PORT = 65535

_PROTOCOLS = {
    network_pb2.PROTOCOL_UNSPECIFIED: PortProtocol.TCP,
    network_pb2.PROTOCOL_TCP: PortProtocol.TCP,
    network_pb2.PROTOCOL_UDP: PortProtocol.UDP,
    network_pb2.PROTOCOL_SCTP: PortProtocol.SCTP,
}


def unpack_ports(
    faults: Faults, messages: Sequence[network_pb2.PortMapping]
) -> tuple[PortMapping, ...]:
    """Unpack the ports that are to be published."""
    if len(messages) > MAX_PORTS:
        faults.add("ports", f"has {len(messages)} entries, and {MAX_PORTS} fit")
        return ()  # to compare each with each would take long
    ports = [_port(faults, f"ports[{place}]", each) for place, each in enumerate(messages)]
    for (one, first), (other, second) in combinations(enumerate(ports), 2):
        if first and second and _share(first, second):
            faults.add(f"ports[{other}].host_port", f"ports[{one}] has some of these already")
    renumbered = sum(
        port.count
        for port in ports
        if port and port.count > 1 and port.host_port != port.container_port
    )
    if renumbered > MAX_RENUMBERED:
        faults.add(
            "ports",
            f"{renumbered} ports in ranges get another number, and {MAX_RENUMBERED} may; a range"
            " that has the same numbers on both sides may be of any length",
        )
    return tuple(port for port in ports if port)


def _port(faults: Faults, field: str, message: network_pb2.PortMapping) -> PortMapping | None:
    """Unpack one entry, or note what is wrong with it."""
    protocol, host_ip, count = _PROTOCOLS.get(message.protocol), None, message.count or 1
    wrong = dict(_faults(message, count))
    if protocol is None:
        wrong["protocol"] = f"{message.protocol} is no protocol that is known here"
    for name, fault in wrong.items():
        faults.add(f"{field}.{name}", fault)
    if message.host_ip:
        host_ip = faults.parse(f"{field}.host_ip", message.host_ip, host_address)
    if protocol is None or wrong or (message.host_ip and host_ip is None):
        return None
    return PortMapping(message.container_port, protocol, message.host_port, count, host_ip)


def _faults(message: network_pb2.PortMapping, count: int) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the numbers: the field, and a sentence."""
    for name, first in (
        ("host_port", message.host_port),
        ("container_port", message.container_port),
    ):
        if first + count - 1 > LAST_PORT:
            words = str(first) if count == 1 else f"{first} and the {count - 1} that follow"
            yield name, f"{words} go beyond {LAST_PORT}, the last port"
    if not message.container_port:
        yield "container_port", "is required"


def host_address(value: str) -> IPAddress:
    """Parse an address that a host may have and be reached at; an unspecified one is all."""
    found = parsers.address(value)
    mapped = getattr(found, "ipv4_mapped", None)
    scoped = found.version == 6 and found.is_link_local  # noqa: PLR2004 - the IP version
    reserved = found.version == 4 and found.is_reserved  # noqa: PLR2004 - likewise
    if found.is_multicast or reserved or mapped or scoped:
        raise ValueError(f"{quoted(value)} is no address that one host is reached at everywhere")
    return found


def _share(one: PortMapping, other: PortMapping) -> bool:
    """Say whether two entries have a port of the host in common; what is chosen never is."""
    return (
        one.protocol is other.protocol
        and 0 not in (one.host_port, other.host_port)
        and one.host_port < other.host_port + other.count
        and other.host_port < one.host_port + one.count
        and any(one.is_of(version) and other.is_of(version) for version in (4, 6))
        and (None in (one.address, other.address) or one.address == other.address)
    )
