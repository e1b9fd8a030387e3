"""Samples of published ports, and the ports that a daemon has."""

from mynet.drivers.api import PortProtocol
from mynet.drivers.linux.values.ports import Program
from mynet.v1 import network_pb2
from mynet.v1.network_pb2 import PortMapping
from tests.server.support.world import World

TCP, UDP, SCTP = PortProtocol
BOTH = frozenset({4, 6})
NGINX = Program(77, "nginx")
WEB = PortMapping(host_port=8080, container_port=80)
CHOSEN = PortMapping(container_port=80)


def numbers(endpoint: network_pb2.Endpoint) -> list[int]:
    """Return the ports of the host that are published for an endpoint."""
    return [port.host_port for port in endpoint.ports]


def held(world: World) -> set[tuple[str, int]]:
    """Return the ports of the host that the daemon has, with their protocols."""
    return {(each.protocol.value, each.port) for each in world.host.ports.taken()}
