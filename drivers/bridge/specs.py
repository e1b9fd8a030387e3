"""The links that the kernel should have for networks and endpoints."""

from dataclasses import dataclass
from ipaddress import ip_interface

from mynet.drivers.api import IPV4, IPV6, Endpoint, IPAddress, IPInterface, IPNetwork, Network
from mynet.drivers.bridge.options.bandwidth import EGRESS, INGRESS, limit
from mynet.drivers.bridge.options.endpoints import manages_inside
from mynet.drivers.bridge.options.guard import GuardOptions
from mynet.drivers.bridge.options.networks import GatewayMode, Options
from mynet.drivers.bridge.options.sysctls import sysctls
from mynet.drivers.linux.links.alias import mark_of
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.desired import Bridge, Shaper, Veth

# Prefixes of equal length leave equal room for the id.
PORT_PREFIX, SHAPER_PREFIX = "veth", "ifb-"
_LINK_LOCAL = 64  # the prefix length of a link-local subnet (RFC 4291, 2.5.6)


@dataclass(frozen=True, slots=True)
class Specs:
    """Computes what the kernel should have for one instance of the daemon."""

    instance: str
    # The IP versions that the host's kernel has. What is of another stays on record alone.
    versions: frozenset[int] = frozenset({IPV4, IPV6})

    def bridge(self, network: Network) -> Bridge:
        """Return a network's bridge."""
        options = Options.parse(network.options)
        joined = [
            (subnet.gateway, subnet.cidr)
            for subnet in network.subnets
            if subnet.gateway
            and subnet.cidr.version in self.versions
            and options.mode(subnet.cidr.version) is not GatewayMode.ISOLATED
        ]
        return Bridge(
            name=network.interface,
            mark=mark_of(self.instance, network.id),
            mac=mac_from(network.id),
            mtu=network.mtu,
            addresses=tuple(dict.fromkeys(_host_address(*pair) for pair in joined)),
            subnets=tuple(cidr for _, cidr in joined),
            forwards=self.forwarded_versions(network),
            versions=self.versions,
        )

    def veth(self, endpoint: Endpoint) -> Veth:
        """Return an endpoint's pair of links."""
        addresses = tuple(
            address for address in endpoint.addresses if address.version in self.versions
        )
        return Veth(
            name=endpoint.host_interface,
            mark=mark_of(self.instance, endpoint.id),
            outer_mac=mac_from(endpoint.id),
            bridge=endpoint.network.interface,
            bridge_mark=mark_of(self.instance, endpoint.network.id),
            bridge_mac=mac_from(endpoint.network.id),
            mtu=endpoint.network.mtu,
            interface=endpoint.interface,
            mac=endpoint.mac_address,
            addresses=addresses,
            gateways=tuple(
                gateway for gateway in endpoint.gateways if gateway.version in self.versions
            ),
            metric=endpoint.route_metric,
            sandbox=endpoint.sandbox,
            isolated=not Options.parse(endpoint.network.options).icc,
            hairpin=bool(endpoint.ports),
            guarded=GuardOptions.of(endpoint).spoof_check,
            settings=sysctls(endpoint.options, addresses) if endpoint.sandbox else {},
            ingress=limit(endpoint.options, INGRESS, endpoint.network.mtu),
            shaper=self._shaper(endpoint),
            manages_inner=manages_inside(endpoint),
        )

    def forwarded_versions(self, network: Network) -> frozenset[int]:
        """Return the IP versions of the packets that leave the network."""
        if network.internal:
            return frozenset()
        return self.versions & {subnet.cidr.version for subnet in network.subnets}

    def _shaper(self, endpoint: Endpoint) -> Shaper | None:
        rate = limit(endpoint.options, EGRESS, endpoint.network.mtu)
        if rate is None:
            return None
        return Shaper(
            name=SHAPER_PREFIX + endpoint.host_interface.removeprefix(PORT_PREFIX),
            mark=mark_of(self.instance, endpoint.id),
            mac=mac_from(f"shaper of {endpoint.id}"),
            rate=rate,
        )


def _host_address(gateway: IPAddress, subnet: IPNetwork) -> IPInterface:
    """Return the bridge's address for a gateway, which may be outside its subnet."""
    if gateway in subnet:
        return ip_interface((gateway, subnet.prefixlen))
    is_link_local = gateway.version == IPV6 and gateway.is_link_local
    return ip_interface((gateway, _LINK_LOCAL if is_link_local else gateway.max_prefixlen))
