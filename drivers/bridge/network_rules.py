"""What the firewall should have for networks."""

from collections.abc import Iterable, Sequence

from mynet.drivers.api import Network
from mynet.drivers.bridge.options.host_addresses import host_addresses
from mynet.drivers.bridge.options.networks import MODES, GatewayMode, Options
from mynet.drivers.bridge.replies import uplinks_for, wants_uplinks
from mynet.drivers.linux.interface.host import Host
from mynet.drivers.linux.values.desired import NetworkRules, RouteSource
from mynet.drivers.linux.values.replies import Uplink


def rules_of_networks(networks: Sequence[Network], host: Host) -> Sequence[NetworkRules]:
    """Return the rules of networks in their order; the host's routes are read once."""
    sources, uplinks = host.route_sources(), uplinks_for(host, networks)
    return [rules_of(network, sources, uplinks) for network in networks]


def rules_of(
    network: Network, sources: Iterable[RouteSource] = (), uplinks: Sequence[Uplink] = ()
) -> NetworkRules:
    """Return the rules of a network for the firewall.

    ``sources`` are what the host's default routes ask for. A network that leaves by an address of
    its own does not follow them. ``uplinks`` are the devices that replies may be led back to.
    """
    options = Options.parse(network.options)
    routed = {version for version in MODES if options.mode(version) is GatewayMode.ROUTED}
    masqueraded = tuple(
        subnet.cidr
        for subnet in network.subnets
        if network.masquerade and not network.internal and subnet.cidr.version not in routed
    )
    versions = {cidr.version for cidr in masqueraded}
    addresses = host_addresses(network.options)
    return NetworkRules(
        bridge=network.interface,
        internal=network.internal,
        masquerade=masqueraded,
        icc=options.icc,
        routed=tuple(sorted(routed)),
        without_host=_without_host(network, options) if network.internal else (),
        subnets=tuple(subnet.cidr for subnet in network.subnets),
        host_addresses=tuple(addresses.values()),
        route_sources=tuple(
            source for source in sources if source.address.version in versions - addresses.keys()
        ),
        uplinks=tuple(uplinks) if wants_uplinks(network) else (),
    )


def _without_host(network: Network, options: Options) -> tuple[int, ...]:
    """Return the IP versions in which the host has no address on a network."""
    versions = {subnet.cidr.version for subnet in network.subnets if subnet.gateway}
    return tuple(
        version
        for version in sorted(MODES)
        if version not in versions or options.mode(version) is GatewayMode.ISOLATED
    )
