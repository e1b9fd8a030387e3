"""Published ports into the core's own type, with all faults at once."""

from collections.abc import Iterator, Sequence

from mynet.drivers.api import IPAddress, PortMapping, PortProtocol
from mynet.server.errors import quoted
from mynet.server.model.changes import PortsChange
from mynet.server.network.port_rules import MAX_PORTS, clashes, too_many
from mynet.server.services.from_proto import fields
from mynet.server.services.violations import Faults
from mynet.v1 import network_pb2

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
    ports = _ports(faults, "ports", messages)
    for one, other in clashes(ports):
        faults.add(f"ports[{other}].host_port", f"ports[{one}] has some of these already")
    found = tuple(port for port in ports if port)
    for fault in too_many(found):
        faults.add("ports", fault)
    return found


def unpack_ports_change(faults: Faults, request: network_pb2.UpdateEndpointRequest) -> PortsChange:
    """Unpack what is to change of ports."""
    put = unpack_ports(faults, request.ports)
    remove = tuple(port for port in _ports(faults, "remove_ports", request.remove_ports) if port)
    if request.replace_ports and request.remove_ports:
        faults.add("remove_ports", "goes without replace_ports, which removes all others")
    return PortsChange(put, remove, request.replace_ports)


def _ports(
    faults: Faults, field: str, messages: Sequence[network_pb2.PortMapping]
) -> Sequence[PortMapping | None]:
    """Unpack each entry, with None for one that has a fault."""
    if len(messages) > MAX_PORTS:
        faults.add(field, f"has {len(messages)} entries, and {MAX_PORTS} fit")
        return ()  # to compare each with each would take long
    return [_port(faults, f"{field}[{place}]", each) for place, each in enumerate(messages)]


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
    found = fields.address(value)
    mapped = getattr(found, "ipv4_mapped", None)
    scoped = found.version == 6 and found.is_link_local  # noqa: PLR2004 - the IP version
    reserved = found.version == 4 and found.is_reserved  # noqa: PLR2004 - likewise
    if found.is_multicast or reserved or mapped or scoped:
        raise ValueError(f"{quoted(value)} is no address that one host is reached at everywhere")
    return found
