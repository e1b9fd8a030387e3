"""What other programs put in the way of a network's packets: routes, policy rules and settings."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network

from mynet.drivers.api import Condition, IPAddress, IPNetwork, Network, Subnet
from mynet.drivers.bridge.options.networks import GatewayMode, Options
from mynet.drivers.bridge.specs import Specs
from mynet.drivers.linux.interface.host import Host
from mynet.drivers.linux.values.paths import Path

_REMEDY = "If no other program needs it as it is, run as root:"


def path_conditions(
    host: Host, spec: Specs, networks: Sequence[Network]
) -> Mapping[str, Sequence[Condition]]:
    """Return the conditions of networks by id, of those that have any.

    The addresses of a network's endpoints are looked up, and without endpoints one address of each
    subnet.
    """
    paths = {path: network.id for network in networks for path in _paths(spec, network)}
    conditions: dict[str, dict[str, Condition]] = {}
    for obstacle in host.obstacles(list(paths)):
        of_network = conditions.setdefault(paths[obstacle.path], {})
        consequence = _consequence(obstacle.path)
        condition = Condition(f"{obstacle.problem} {consequence}", _REMEDY, (obstacle.command,))
        of_network.setdefault(obstacle.command, condition)
    return {network_id: list(found.values()) for network_id, found in conditions.items()}


def _consequence(path: Path) -> str:
    version = path.subnet.version
    if path.is_forwarded:
        return f"Endpoints on {path.bridge} cannot exchange IPv{version} packets with the outside."
    return f"The host cannot reach endpoints on {path.bridge} over IPv{version}."


def _paths(spec: Specs, network: Network) -> Iterator[Path]:
    options, forwarded = Options.parse(network.options), spec.forwarded_versions(network)
    for subnet in network.subnets:
        version = subnet.cidr.version
        if subnet.gateway and options.mode(version) is not GatewayMode.ISOLATED:
            for address in _addresses(network, subnet):
                yield Path(network.interface, subnet.cidr, address, version in forwarded)


def _addresses(network: Network, subnet: Subnet) -> Iterator[IPAddress]:
    own = [
        address.ip
        for endpoint in network.endpoints
        for address in endpoint.addresses
        if address.ip in subnet.cidr
    ]
    yield from own or _sample(subnet.cidr, subnet.gateway)


def _sample(cidr: IPNetwork, gateway: IPAddress | None) -> Iterator[IPAddress]:
    """Yield an address that an endpoint may have, nothing if the gateway is the only one."""
    hosts = cidr.hosts() if isinstance(cidr, IPv4Network) else (cidr[place] for place in (1, 2))
    for address in hosts:
        if address != gateway:
            yield address
            return
