"""What the kernel is to have of networks and endpoints: links, and what the firewall knows."""

from dataclasses import dataclass, replace
from ipaddress import ip_interface

from mynet.drivers.api import Endpoint, Network
from mynet.drivers.bridge.bandwidth import EGRESS, INGRESS, limit
from mynet.drivers.bridge.endpoint_options import sysctls
from mynet.drivers.bridge.options import MODES, GatewayMode, Options
from mynet.drivers.linux.links.alias import mark_of
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.desired import Bridge, NetworkRules, Shaper, Veth
from mynet.drivers.linux.values.ports import Forward, PortForwards

PORT_PREFIX, SHAPER_PREFIX = "veth", "ifb-"  # of equal length: as much is left of the id
_IPV6 = 6  # the IP version


@dataclass(frozen=True, slots=True)
class Specs:
    """Describes the links of an instance."""

    instance: str

    def bridge(self, network: Network) -> Bridge:
        """Describe a network's bridge."""
        options = Options.parse(network.options)
        return Bridge(
            name=network.interface,
            mark=self._mark(network.id),
            mac=mac_from(network.id),
            mtu=network.mtu,
            addresses=tuple(
                ip_interface((subnet.gateway, subnet.cidr.prefixlen))
                for subnet in network.subnets
                if options.mode(subnet.cidr.version) is not GatewayMode.ISOLATED
            ),
        )

    def veth(self, endpoint: Endpoint) -> Veth:
        """Describe an endpoint's pair."""
        return Veth(
            name=endpoint.host_interface,
            mark=self._mark(endpoint.id),
            outer_mac=mac_from(endpoint.id),
            bridge=endpoint.network.interface,
            mtu=endpoint.network.mtu,
            interface=endpoint.interface,
            mac=endpoint.mac_address,
            addresses=tuple(endpoint.addresses),
            gateways=tuple(endpoint.gateways),
            metric=endpoint.route_metric,
            sandbox=endpoint.sandbox,
            bridge_mac=mac_from(endpoint.network.id),
            isolated=not Options.parse(endpoint.network.options).icc,
            hairpin=bool(endpoint.ports),
            settings=sysctls(endpoint) if endpoint.sandbox else {},
            ingress=limit(endpoint.options, INGRESS, endpoint.network.mtu),
            shaper=self._shaper(endpoint),
        )

    def _shaper(self, endpoint: Endpoint) -> Shaper | None:
        rate = limit(endpoint.options, EGRESS, endpoint.network.mtu)
        if rate is None:
            return None
        return Shaper(
            name=SHAPER_PREFIX + endpoint.host_interface.removeprefix(PORT_PREFIX),
            mark=self._mark(endpoint.id),
            mac=mac_from(f"shaper of {endpoint.id}"),
            rate=rate,
        )

    def _mark(self, object_id: str) -> str:
        """Write whose a link is; it becomes the link's alias."""
        return mark_of(self.instance, object_id)


def versions_out(network: Network) -> frozenset[int]:
    """Tell of which IP versions the network has packets that leave it."""
    if network.internal:
        return frozenset()
    return frozenset(subnet.cidr.version for subnet in network.subnets)


def leaves_by_ipv6(network: Network) -> bool:
    """Say whether the network's packets need the host's own way out by IPv6."""
    return _IPV6 in versions_out(network)


def segment_of(network: Network) -> NetworkRules:
    """Tell what the firewall should know of the network."""
    options = Options.parse(network.options)
    routed = {version for version in MODES if options.mode(version) is GatewayMode.ROUTED}
    hidden = network.masquerade and not network.internal
    return NetworkRules(
        bridge=network.interface,
        internal=network.internal,
        masquerade=tuple(
            subnet.cidr
            for subnet in network.subnets
            if hidden and subnet.cidr.version not in routed
        ),
        icc=options.icc,
        routed=tuple(sorted(routed)),
    )


def publication_of(endpoint: Endpoint) -> PortForwards:
    """Tell what the firewall should know of the endpoint: its ports, in each family it has."""
    targets = {address.version: address.ip for address in reversed(endpoint.addresses)}
    return PortForwards(
        endpoint.id,
        tuple(
            Forward(
                protocol=port.protocol,
                host=port.address,
                host_port=port.host_port,
                target=target,
                target_port=port.container_port,
                count=port.count,
            )
            for port in endpoint.ports
            for version, target in sorted(targets.items())
            if port.is_of(version)
        ),
    )


def possible_publication(endpoint: Endpoint) -> PortForwards:
    """Tell what the firewall may know of an endpoint that may have no addresses yet.

    Its ports are on record, in each family of its network; where they lead is anybody's guess.
    """
    somewhere = tuple(ip_interface(subnet.gateway) for subnet in endpoint.network.subnets)
    return publication_of(replace(endpoint, addresses=endpoint.addresses or somewhere))
