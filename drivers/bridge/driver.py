"""The verbs of the bridge driver: each says what there should be, the kernel object makes it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from mynet.drivers.api import (
    PORTS,
    WATCH,
    Call,
    Condition,
    Driver,
    DriverContext,
    DriverInfo,
    Endpoint,
    ExpectedState,
    Network,
    NetworkUpdate,
    Orphan,
)
from mynet.drivers.bridge.bandwidth import bandwidth_contradictions
from mynet.drivers.bridge.check import bridge_differences, differences
from mynet.drivers.bridge.conditions import conditions_of
from mynet.drivers.bridge.drift import Look, rule_differences, suspects, table_differences
from mynet.drivers.bridge.endpoint_options import ENDPOINT_OPTIONS, require_usable
from mynet.drivers.bridge.options import (
    OPTIONS,
    contradictions,
    require_sound,
)
from mynet.drivers.bridge.specs import (
    PORT_PREFIX,
    Specs,
    leaves_by_ipv6,
    publication_of,
    segment_of,
    versions_out,
)
from mynet.drivers.errors import CapabilityUnsupported, DriverError
from mynet.drivers.linux.interface import Kernel, Watch
from mynet.drivers.linux.links.alias import is_ours, read_mark
from mynet.drivers.linux.values.desired import BRIDGE_PORTS
from mynet.drivers.linux.values.observed import Link

_IPV4 = 4  # the IP version
MAX_SUBNETS = 64  # of a network: all of it goes into the firewall in one transaction


class BridgeDriver(Driver):
    """A Linux bridge a network, a veth pair an endpoint; isolation, NAT and ports by nftables.

    It keeps nothing but its kernel, and who watches that, so its verbs need no lock.
    """

    def __init__(self, context: DriverContext, kernel: Kernel) -> None:
        self._instance = context.instance
        self._specs = Specs(context.instance)
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
        self._kernel.ensure_bridge(self._specs.bridge(network))
        self._kernel.add_segment(self._instance, segment_of(network))
        self._forward(network)
        if leaves_by_ipv6(network):
            self._kernel.hear_advertisements()

    def delete(self, call: Call, network: Network) -> None:
        """Take the network out of the firewall, then the bridge away.

        Where another's device has the name, the network was never made and nothing is ours: the
        firewall may know the name as that other's.
        """
        bridge = self._specs.bridge(network)
        if self._kernel.is_taken(bridge):
            return
        self._kernel.remove_segment(segment_of(network))
        self._kernel.delete_bridge(bridge)

    def connect(self, call: Call, endpoint: Endpoint) -> None:
        """Make the pair, with its inner end in the sandbox; then let its ports lead there."""
        require_usable(endpoint)
        self._kernel.attach(self._specs.veth(endpoint))
        if endpoint.ports:
            self._publish(endpoint)

    def update_endpoint(self, call: Call, endpoint: Endpoint) -> None:
        """Let its ports lead there, and no others."""
        self._kernel.adjust([self._specs.veth(endpoint)])
        self._publish(endpoint)

    def _publish(self, endpoint: Endpoint) -> None:
        publication = publication_of(endpoint)
        if publication.opens_loopback:
            self._kernel.open_loopback(endpoint.network.interface)
        self._kernel.publish(self._instance, publication)

    def disconnect(self, call: Call, endpoint: Endpoint) -> None:
        """Let its ports lead nowhere, then take the pair away."""
        if endpoint.ports:
            self._kernel.unpublish(publication_of(endpoint))
        self._kernel.detach([self._specs.veth(endpoint)])

    def check(self, call: Call, endpoint: Endpoint) -> Sequence[str]:
        """Compare the kernel with the endpoint: a sentence for each difference."""
        veth = self._specs.veth(endpoint)
        found = differences(veth, self._kernel.inspect(veth))
        if endpoint.ports:
            publication = publication_of(endpoint)
            missing = self._kernel.unpublished(publication)
            found += [f"The firewall does not lead {forward}." for forward in missing]
            if publication.opens_loopback and not self._kernel.is_loopback_open(veth.bridge):
                found.append(f"{veth.bridge} lets nothing from 127.0.0.1 pass (route_localnet).")
        return found

    def update(self, call: Call, update: NetworkUpdate) -> None:
        """Let the firewall and the bridge's ports be what the network's options say now."""
        self.create(call, update.network)
        self._kernel.adjust([self._specs.veth(endpoint) for endpoint in update.endpoints])

    def check_network(self, call: Call, network: Network) -> Sequence[str]:
        """Compare the kernel with the network: a sentence for each difference."""
        bridge = self._specs.bridge(network)
        seen = self._kernel.inspect_bridge(bridge)
        found = bridge_differences(bridge, seen)
        if seen.link is None or is_ours(seen.link, bridge):  # what is another's, we do not filter
            found += rule_differences(self._kernel, segment_of(network), versions_out(network))
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
                self._specs.bridge(network),
                segment_of(network),
                versions_out(network),
                {each.id: self._specs.veth(each) for each in network.endpoints},
                [publication_of(each) for each in network.endpoints if each.ports],
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

    def orphans(self, call: Call, known: Collection[str]) -> Sequence[Orphan]:
        """List the links that carry this instance's mark and are of nothing known."""
        return [Orphan(record, f"interface {link.name}") for record, link in self._orphans(known)]

    def discard(self, call: Call, orphan: Orphan) -> None:
        """Take the links of one orphan record away."""
        for link in self._kernel.marked():
            if read_mark(link.mark) == (self._instance, orphan.id):
                self._kernel.remove(link)

    def _orphans(self, known: Collection[str]) -> Iterator[tuple[str, Link]]:
        for link in self._kernel.marked():
            instance, record = read_mark(link.mark)
            if instance == self._instance and record not in known:
                yield record, link

    def audit(self, call: Call, expected: ExpectedState) -> Sequence[str]:
        """Compare the firewall with the records: rules, networks, and whose ports are published."""
        return table_differences(self._kernel, self._specs, expected)

    def restore(self, call: Call, networks: Sequence[Network]) -> None:
        """Load the firewall whole, once, and make every bridge that is not there.

        One network that cannot be made does not stop the others: they are tried all, and the error
        names each that failed, by its id, in its metadata. Where another's device has taken a name
        meanwhile, the firewall does not get it: what passes there is not ours to judge.
        """
        ours = [each for each in networks if not self._kernel.is_taken(self._specs.bridge(each))]
        publications = [
            publication_of(endpoint)
            for network in ours
            for endpoint in network.endpoints
            if endpoint.ports
        ]
        self._kernel.load_firewall(self._instance, map(segment_of, ours), publications)
        if any(map(leaves_by_ipv6, ours)):
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
        bridge = self._specs.bridge(network)
        try:
            if bridge_differences(bridge, self._kernel.inspect_bridge(bridge)):
                self._kernel.ensure_bridge(bridge)
            self._forward(network)
            if any(publication_of(endpoint).opens_loopback for endpoint in network.endpoints):
                self._kernel.open_loopback(network.interface)
        except DriverError as error:
            return error
        return None

    def _forward(self, network: Network) -> None:
        """Have the host forward packets, if the network has any that leave it."""
        if out := versions_out(network):
            self._kernel.enable_forwarding(ipv4=_IPV4 in out, ipv6=leaves_by_ipv6(network))


def _require_few_subnets(network: Network) -> None:
    """Refuse what the kernel's answers to one transaction have no room for."""
    if len(network.subnets) > MAX_SUBNETS:
        raise CapabilityUnsupported(
            f"network {network.name} has {len(network.subnets)} subnets, and the bridge driver"
            f" takes at most {MAX_SUBNETS}; use fewer and larger ones, or a second network",
            resource=f"network {network.name}",
        )
