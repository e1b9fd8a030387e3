"""Published ports of requests into values of the core."""

from collections.abc import Iterator, Sequence

from mynet.drivers.api import IPV4, IPV6, IPAddress, PortMapping, PortProtocol
from mynet.server.errors import quoted
from mynet.server.model.changes import PortsChange
from mynet.server.network.port_rules import MAX_PORTS, clashes, too_many
from mynet.server.services.from_proto import fields
from mynet.server.services.from_proto.violations import Violations
from mynet.v1 import network_pb2

LAST_PORT = 65535

_PROTOCOLS = {
    network_pb2.PROTOCOL_UNSPECIFIED: PortProtocol.TCP,
    **{network_pb2.Protocol.Value(f"PROTOCOL_{known.name}"): known for known in PortProtocol},
}


def unpack_ports(
    violations: Violations, messages: Sequence[network_pb2.PortMapping]
) -> tuple[PortMapping, ...]:
    """Return the ports to publish, and add their violations."""
    ports = _ports(violations, "ports", messages)
    for one, other in clashes(ports):
        violations.add(
            f"ports[{other}].host_port",
            f"ports[{one}] has some of these already; publish each once",
        )
    valid = tuple(port for port in ports if port)
    for fault in too_many(valid):
        violations.add("ports", fault)
    return valid


def unpack_ports_change(
    violations: Violations, request: network_pb2.UpdateEndpointRequest
) -> PortsChange:
    """Return the change of published ports, and add its violations."""
    put = unpack_ports(violations, request.ports)
    remove = tuple(
        port for port in _ports(violations, "remove_ports", request.remove_ports) if port
    )
    if request.replace_ports and request.remove_ports:
        violations.add("remove_ports", "must be empty if replace_ports is set")
    return PortsChange(put, remove, request.replace_ports)


def _ports(
    violations: Violations, field: str, messages: Sequence[network_pb2.PortMapping]
) -> Sequence[PortMapping | None]:
    """Return each entry, or None for an entry with a violation."""
    if len(messages) > MAX_PORTS:
        violations.add(
            field, f"has {len(messages)} entries, more than {MAX_PORTS}; join them into ranges"
        )
        return ()  # comparing all pairs would take long
    return [
        _port(violations, f"{field}[{place}]", message) for place, message in enumerate(messages)
    ]


def _port(
    violations: Violations, field: str, message: network_pb2.PortMapping
) -> PortMapping | None:
    """Return one entry, or add its violations and return None."""
    protocol, count = _PROTOCOLS.get(message.protocol), message.count or 1
    wrong = dict(_number_violations(message, count))
    if protocol is None:
        wrong["protocol"] = (
            f"{message.protocol} is not a protocol that mynet knows; use TCP, UDP or SCTP"
        )
    for name, fault in wrong.items():
        violations.add(f"{field}.{name}", fault)
    host_ip = violations.parse_any(f"{field}.host_ip", message.host_ip, host_address)
    if protocol is None or wrong or (message.host_ip and host_ip is None):
        return None
    return PortMapping(message.container_port, protocol, message.host_port, count, host_ip)


def _number_violations(message: network_pb2.PortMapping, count: int) -> Iterator[tuple[str, str]]:
    """Yield the violations of port numbers: the field, and what is wrong with its value."""
    for name, first in (
        ("host_port", message.host_port),
        ("container_port", message.container_port),
    ):
        if first + count - 1 > LAST_PORT:
            words = str(first) if count == 1 else f"{first} and the next {count - 1}"
            yield name, f"{words} exceed {LAST_PORT}, the last port; begin lower, or take fewer"
    if not message.container_port:
        yield "container_port", "is required"


def host_address(value: str) -> IPAddress:
    """Parse an address at which a host can be reached. An unspecified address means all of them."""
    address = fields.address(value)
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped:
        raise ValueError(f"{quoted(value)} is an IPv4 address, written as IPv6; write {mapped}")
    if address.version == IPV6 and address.is_link_local:
        raise ValueError(
            f"{quoted(value)} is link-local, and a connection to it cannot be forwarded; name a"
            " global address of the host, or none for all"
        )
    if address.is_multicast or (address.version == IPV4 and address.is_reserved):
        raise ValueError(
            f"{quoted(value)} is not an address at which a host can be reached; name one that the"
            " host has (ip address), or none for all"
        )
    return address
