"""What a wish for ports means on a network: whether it can be had, and what is held for it."""

from collections.abc import Iterator

from mynet.drivers.api import PORTS, DriverInfo, PortMapping
from mynet.drivers.errors import CapabilityUnsupported
from mynet.drivers.linux.ports import Binding
from mynet.server.errors import InvalidArgument, Violation
from mynet.server.model import EndpointWish, Network


def check_ports(network: Network, wish: EndpointWish, driver: DriverInfo) -> None:
    """Refuse ports that the driver, or the network, cannot publish, whatever the host has."""
    if not wish.ports:
        return
    if PORTS not in driver.capabilities:
        raise CapabilityUnsupported(
            f"driver {driver.name} of network {network.name} publishes no ports; connect without,"
            " or use a network of another driver",
            resource=f"network {network.name}",
        )
    faults = []
    if network.wish.internal:
        fault = f"network {network.name} is internal: nothing outside of it reaches its endpoints"
        faults.append(Violation("ports", fault))
    for place, port in enumerate(wish.ports):
        if port.host_ip and port.host_ip.version == 6 and port.host_ip.is_loopback:  # noqa: PLR2004
            raise CapabilityUnsupported(
                "no port can be published at ::1: the kernel leads nothing from the IPv6 loopback"
                " to another device; publish at 127.0.0.1, or at another address",
                resource=f"port {port.host_port}/{port.protocol.value}",
            )
        if port.host_ip and port.host_ip.version not in network.versions:
            fault = f"network {network.name} has no IPv{port.host_ip.version} subnet"
            faults.append(Violation(f"ports[{place}].host_ip", fault))
    if faults:
        raise InvalidArgument(faults)


def bindings(network: Network, port: PortMapping) -> Iterator[Binding]:
    """Tell what is held for ports: each number, in the families that the network has."""
    versions = frozenset(version for version in network.versions if port.is_of(version))
    for number in range(port.host_port, port.host_port + port.count):
        yield Binding(port.protocol, number, versions, port.address)
