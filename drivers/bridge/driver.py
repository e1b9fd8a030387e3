"""The verbs of the bridge driver: each says what there should be, the kernel object makes it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_interface

from mynet.drivers.api import (
    PORTS,
    WATCH,
    Call,
    Condition,
    Driver,
    DriverContext,
    DriverInfo,
    Endpoint,
    Network,
    NetworkUpdate,
    Stray,
)
from mynet.drivers.bridge.bandwidth import EGRESS, INGRESS, bandwidth_contradictions, limit
from mynet.drivers.bridge.check import bridge_differences, differences
from mynet.drivers.bridge.conditions import conditions_of
from mynet.drivers.bridge.endpoint_options import ENDPOINT_OPTIONS, require_usable, sysctls
from mynet.drivers.bridge.options import (
    MODES,
    OPTIONS,
    GatewayMode,
    Options,
    contradictions,
    require_sound,
)
from mynet.drivers.bridge.survey import Look, rule_differences, suspects
from mynet.drivers.errors import CapabilityUnsupported, DriverError
from mynet.drivers.linux.ports import Forward, Publication
from mynet.drivers.linux.verbs import (
    BRIDGE_PORTS,
    Bridge,
    Kernel,
    Link,
    Segment,
    Shaper,
    Veth,
    Watch,
    is_ours,
    mac_from,
    mark_of,
    read_mark,
)

PORT_PREFIX, SHAPER_PREFIX = "veth", "ifb-"  # of equal length: as much is left of the id
MAX_SUBNETS = 64  # of a network: all of it goes into the firewall in one transaction


class BridgeDriver(Driver):
    """A Linux bridge a network, a veth pair an endpoint; isolation, NAT and ports by nftables.

    It keeps nothing but its kernel, and who watches that, so its verbs need no lock.
    """

    def __init__(self, context: DriverContext, kernel: Kernel) -> None:
        self._instance = context.instance
        self._kernel = kernel
        self._watches: list[Watch] = []

    @property
    def info(self) -> DriverInfo:
        """What this driver is and can do."""
        return DriverInfo(
            name="bridge",
            capabilities=frozenset({PORTS, WATCH}),
            options=OPTIONS,
            endpoint_options=ENDPOINT_OPTIONS,
            device_prefix="br-",
            port_prefix=PORT_PREFIX,
            contradictions=contradictions,
            endpoint_contradictions=bandwidth_contradictions,
            most_endpoints=BRIDGE_PORTS,
        )

    def create(self, call: Call, network: Network) -> None:
        """Make the bridge, then let its packets through."""
        require_sound(network)
        _require_few_subnets(network)
        self._kernel.ensure_bridge(self._bridge(network))
        self._kernel.add_segment(self._instance, _segment(network))
        self._forward(network)
        if _leaves_by_ipv6(network):
            self._kernel.hear_advertisements()

    def delete(self, call: Call, network: Network) -> None:
        """Take the network out of the firewall, then the bridge away.

        Where another's device has the name, the network was never made and nothing is ours: the
        firewall may know the name as that other's.
        """
        bridge = self._bridge(network)
        if self._kernel.is_taken(bridge):
            return
        self._kernel.remove_segment(_segment(network))
        self._kernel.delete_bridge(bridge)

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        """Make the pair, with its inner end in the sandbox; then let its ports lead there."""
        require_usable(endpoint)
        self._kernel.attach(self._veth(endpoint))
        if endpoint.ports:
            self._publish(endpoint)

    def update_endpoint(self, call: Call, endpoint: Endpoint) -> None:
        """Let its ports lead there, and no others."""
        self._kernel.adjust([self._veth(endpoint)])
        self._publish(endpoint)

    def _publish(self, endpoint: Endpoint) -> None:
        publication = _publication(endpoint)
        if publication.opens_loopback:
            self._kernel.open_loopback(endpoint.network.interface)
        self._kernel.publish(self._instance, publication)

    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        """Let its ports lead nowhere, then take the pair away."""
        if endpoint.ports:
            self._kernel.unpublish(_publication(endpoint))
        self._kernel.detach([self._veth(endpoint)])

    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        """Compare the kernel with the endpoint: a sentence for each difference."""
        veth = self._veth(endpoint)
        found = differences(veth, self._kernel.inspect(veth))
        if endpoint.ports:
            publication = _publication(endpoint)
            missing = self._kernel.unpublished(publication)
            found += [f"The firewall does not lead {forward}." for forward in missing]
            if publication.opens_loopback and not self._kernel.is_loopback_open(veth.bridge):
                found.append(f"{veth.bridge} lets nothing from 127.0.0.1 pass (route_localnet).")
        return found

    def update(self, call: Call, update: NetworkUpdate) -> None:
        """Let the firewall and the bridge's ports be what the network's options say now."""
        self.create(call, update.network)
        self._kernel.adjust([self._veth(endpoint) for endpoint in update.endpoints])

    def check_network(self, call: Call, network: Network) -> Sequence[str]:
        """Compare the kernel with the network: a sentence for each difference."""
        bridge = self._bridge(network)
        seen = self._kernel.inspect_bridge(bridge)
        found = bridge_differences(bridge, seen)
        if seen.link is None or is_ours(seen.link, bridge):  # what is another's, we do not filter
            found += rule_differences(self._kernel, _segment(network), self._forwarded(network))
        return found

    def watch(self, call: Call, alarm: Callable[[Collection[str]], None]) -> None:
        """Tell of links of this instance that somebody has damaged, and of all else."""

        def notice(marks: frozenset[str]) -> None:
            read = [read_mark(mark) for mark in marks]
            records = {record for instance, record in read if instance == self._instance}
            if records or not marks:
                alarm(records)

        self._watches.append(self._kernel.watch(notice))

    def survey(self, call: Call, networks: Sequence[Network]) -> Collection[str]:
        """Look at all links, and at the firewall where it changed; not into sandboxes."""
        looks = [
            Look(
                network.id,
                self._bridge(network),
                _segment(network),
                self._forwarded(network),
                {each.id: self._veth(each) for each in network.endpoints},
                [_publication(each) for each in network.endpoints if each.ports],
            )
            for network in networks
        ]
        return suspects(self._kernel, looks)

    def conditions(
        self, call: Call, networks: Sequence[Network]
    ) -> Mapping[str, Sequence[Condition]]:
        """Tell what others on this host do to these networks, which are judged by one look."""
        around = self._kernel.look_around()
        return {network.id: conditions_of(network, around) for network in networks}

    def strays(self, call: Call, known: Collection[str]) -> Sequence[Stray]:
        """List the links that carry this instance's mark and are of nothing known."""
        return [Stray(record, f"interface {link.name}") for record, link in self._strays(known)]

    def discard(self, call: Call, stray: Stray) -> None:
        """Take the links of one stray record away."""
        for link in self._kernel.marked():
            if read_mark(link.mark) == (self._instance, stray.id):
                self._kernel.remove(link)

    def _strays(self, known: Collection[str]) -> Iterator[tuple[str, Link]]:
        for link in self._kernel.marked():
            instance, record = read_mark(link.mark)
            if instance == self._instance and record not in known:
                yield record, link

    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        """Load the firewall whole, once, and make every bridge that is not there.

        One network that cannot be made does not stop the others: they are tried all, and the error
        names each that failed, by its id, in its metadata. Where another's device has taken a name
        meanwhile, the firewall does not get it: what passes there is not ours to judge.
        """
        ours = [each for each in networks if not self._kernel.is_taken(self._bridge(each))]
        publications = [
            _publication(endpoint)
            for network in ours
            for endpoint in network.endpoints
            if endpoint.ports
        ]
        self._kernel.load_firewall(self._instance, map(_segment, ours), publications)
        if any(map(_leaves_by_ipv6, ours)):
            self._kernel.hear_advertisements()
        failures = {network.id: error for network in networks if (error := self._revive(network))}
        if failures:
            raise DriverError(
                f"{len(failures)} of {len(networks)} networks could not be restored: "
                + "; ".join(f"{name}: {error}" for name, error in failures.items()),
                metadata={name: str(error) for name, error in failures.items()},
            ) from ExceptionGroup("networks not restored", list(failures.values()))

    def close(self) -> None:
        """Watch no more, and let go of what the kernel object keeps."""
        while self._watches:
            self._watches.pop().close()
        self._kernel.close()

    def _revive(self, network: Network) -> DriverError | None:
        """Make the network's bridge, or say why not."""
        bridge = self._bridge(network)
        try:
            if bridge_differences(bridge, self._kernel.inspect_bridge(bridge)):
                self._kernel.ensure_bridge(bridge)
            self._forward(network)
            if any(_publication(endpoint).opens_loopback for endpoint in network.endpoints):
                self._kernel.open_loopback(network.interface)
        except DriverError as error:
            return error
        return None

    def _forward(self, network: Network) -> None:
        """Have the host forward packets, if the network has any that leave it."""
        if not network.internal:
            cidrs = [subnet.cidr for subnet in network.subnets]
            self._kernel.enable_forwarding(
                ipv4=any(isinstance(cidr, IPv4Network) for cidr in cidrs),
                ipv6=any(isinstance(cidr, IPv6Network) for cidr in cidrs),
            )

    def _forwarded(self, network: Network) -> frozenset[int]:
        """Tell of which IP versions the network has packets that leave it."""
        if network.internal:
            return frozenset()
        return frozenset(subnet.cidr.version for subnet in network.subnets)

    def _bridge(self, network: Network) -> Bridge:
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

    def _veth(self, endpoint: Endpoint) -> Veth:
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
        return mark_of(self._instance, object_id)


def _leaves_by_ipv6(network: Network) -> bool:
    """Say whether the network's packets need the host's own way out by IPv6."""
    return not network.internal and any(
        isinstance(subnet.cidr, IPv6Network) for subnet in network.subnets
    )


def _segment(network: Network) -> Segment:
    """Tell what the firewall should know of the network."""
    options = Options.parse(network.options)
    routed = {version for version in MODES if options.mode(version) is GatewayMode.ROUTED}
    hidden = network.masquerade and not network.internal
    return Segment(
        bridge=network.interface,
        internal=network.internal,
        masquerade=tuple(
            subnet.cidr
            for subnet in network.subnets
            if hidden and subnet.cidr.version not in routed
        ),
        icc=options.icc,
        routed=tuple(sorted(routed)),
        hairpin=() if network.internal else tuple(subnet.cidr for subnet in network.subnets),
    )


def _publication(endpoint: Endpoint) -> Publication:
    """Tell what the firewall should know of the endpoint: its ports, in each family it has."""
    targets = {address.version: address.ip for address in reversed(endpoint.addresses)}
    return Publication(
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


def _require_few_subnets(network: Network) -> None:
    """Refuse what the kernel's answers to one transaction have no room for."""
    if len(network.subnets) > MAX_SUBNETS:
        raise CapabilityUnsupported(
            f"network {network.name} has {len(network.subnets)} subnets, and the bridge driver"
            f" takes at most {MAX_SUBNETS}; use fewer and larger ones, or a second network",
            resource=f"network {network.name}",
        )
