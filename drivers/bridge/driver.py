"""The verbs of the bridge driver: each computes what the kernel should have and applies it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mynet.drivers import api
from mynet.drivers.bridge.checks.drift import drifted, table_differences
from mynet.drivers.bridge.checks.links import bridge_differences, differences
from mynet.drivers.bridge.checks.orphans import find_orphans, is_link_of
from mynet.drivers.bridge.checks.probes import probe
from mynet.drivers.bridge.checks.rules import endpoint_rule_differences, rule_differences
from mynet.drivers.bridge.conditions.firewalls import firewall_conditions
from mynet.drivers.bridge.conditions.host import host_conditions
from mynet.drivers.bridge.conditions.paths import path_conditions
from mynet.drivers.bridge.endpoint_rules import attachment_of, rules_of_endpoint
from mynet.drivers.bridge.host_addresses import lost_addresses, require_own_addresses
from mynet.drivers.bridge.network_rules import rules_of, rules_of_networks
from mynet.drivers.bridge.options.bandwidth import bandwidth_contradictions
from mynet.drivers.bridge.options.endpoints import (
    ENDPOINT_OPTIONS,
    address_versions,
    manages_inside,
    require_usable,
)
from mynet.drivers.bridge.options.networks import OPTIONS, contradictions, require_sound
from mynet.drivers.bridge.replies import (
    filtered_requests,
    lead_replies,
    reply_differences,
    wants_uplinks,
)
from mynet.drivers.bridge.restore import restore
from mynet.drivers.bridge.specs import PORT_PREFIX, Specs
from mynet.drivers.linux.interface.kernel import Kernel
from mynet.drivers.linux.links.alias import read_mark
from mynet.drivers.linux.values.desired import BRIDGE_PORTS
from mynet.drivers.linux.values.endpoint_rules import Attachment

if TYPE_CHECKING:
    from mynet.drivers.linux.interface.monitor import Watch

_MARGIN = 0.5  # seconds before a deadline, in which the answer is packed


class BridgeDriver(api.Driver):
    """Makes a Linux bridge per network, a veth pair per endpoint, and rules in nftables.

    Verbs share nothing but the kernel object, which may be called concurrently.
    """

    def __init__(self, context: api.DriverContext, kernel: Kernel) -> None:
        self._instance = context.instance
        self._specs = Specs(context.instance, kernel.host.ip_versions())
        self._kernel = kernel
        self._watches: list[Watch] = []

    @property
    def info(self) -> api.DriverInfo:
        """What this driver is and can do."""
        return api.DriverInfo(
            name="bridge",
            capabilities=frozenset({api.PORTS, api.WATCH}),
            options=OPTIONS,
            endpoint_options=ENDPOINT_OPTIONS,
            device_prefix="br-",
            port_prefix=PORT_PREFIX,
            contradictions=contradictions,
            endpoint_contradictions=bandwidth_contradictions,
            address_versions=address_versions,
            most_endpoints=BRIDGE_PORTS,
        )

    def create(self, call: api.Call, network: api.Network) -> None:
        """Make the bridge, then add the network to the firewall.

        Raises InvalidOptions, CapabilityUnsupported for too many subnets, and InterfaceExists.
        """
        require_sound(network)
        require_own_addresses(network, self._kernel)
        if self._kernel.firewall.known(network.interface):  # its bridge may have another name now
            self._kernel.links.set_altnames(self._instance)
        self._kernel.links.ensure_bridge(self._specs.bridge(network))
        lead_replies(self._kernel, network)
        (rules,) = rules_of_networks([network], self._kernel.host)
        self._kernel.firewall.add(self._instance, rules)
        forwarded = self._specs.forwarded_versions(network)
        self._kernel.host.enable_forwarding(forwarded)
        if api.IPV6 in forwarded:
            self._kernel.host.accept_router_advertisements()

    def delete(self, call: api.Call, network: api.Network) -> None:
        """Remove the network from the firewall, then delete the bridge.

        If there is another device instead of the bridge, the firewall's rules stay: they may be
        those for the network of that device.
        """
        bridge = self._specs.bridge(network)
        link = self._kernel.links.inspect_bridge(bridge).link
        if link is None or link.is_of(bridge.identity):
            self._kernel.firewall.remove(rules_of(network))
            if wants_uplinks(network):
                self._kernel.host.release_replies({network.interface})
        self._kernel.links.delete_bridge(bridge)

    def connect(self, call: api.Call, endpoint: api.Endpoint) -> None:
        """Make the pair with its inner end in the sandbox.

        What the endpoint may send and its published ports are in the firewall before that end is
        up.
        """
        require_usable(endpoint)
        self._kernel.links.attach(self._specs.veth(endpoint), partial(self._admit, endpoint))

    def update_endpoint(self, call: api.Call, endpoint: api.Endpoint) -> None:
        """Publish the endpoint's ports, and no others, and apply its options."""
        self._adjust([endpoint])

    def _adjust(self, endpoints: Sequence[api.Endpoint]) -> None:
        """Bring the bridge's ports and the firewall to endpoints, as far as they are attached."""
        veths = [self._specs.veth(endpoint) for endpoint in endpoints]
        self._kernel.links.adjust(veths)
        attachments = self._kernel.links.attachments(veths)
        for endpoint, attachment in zip(endpoints, attachments, strict=True):
            self._admit(endpoint, attachment)

    def _admit(self, endpoint: api.Endpoint, attachment: Attachment | None) -> None:
        """Allow an endpoint to send, and publish its ports."""
        rules = rules_of_endpoint(self._specs, endpoint, attachment)
        if rules.opens_loopback:
            self._kernel.links.open_loopback(endpoint.network.interface)
        self._kernel.firewall.add_endpoint(self._instance, rules)

    def disconnect(self, call: api.Call, endpoint: api.Endpoint) -> None:
        """Remove the endpoint from the firewall, then delete the pair."""
        veth = self._specs.veth(endpoint)
        (attachment,) = self._kernel.links.attachments([veth])
        rules = rules_of_endpoint(self._specs, endpoint, attachment)
        self._kernel.firewall.remove_endpoint(rules)
        self._kernel.links.detach([veth])

    def check(self, call: api.Call, endpoint: api.Endpoint) -> Sequence[str]:
        """Return a sentence for each difference between the kernel and the endpoint."""
        veth = self._specs.veth(endpoint)
        seen = self._kernel.links.inspect(veth)
        if not seen.sandbox_there:
            seen = replace(seen, sandbox_lives=bool(self._kernel.links.living([veth])))
        rules = rules_of_endpoint(self._specs, endpoint, attachment_of(seen))
        problems = differences(veth, seen)
        problems += endpoint_rule_differences(self._kernel, endpoint.network, rules)
        return problems

    def endpoint_notes(self, call: api.Call, endpoint: api.Endpoint) -> Sequence[str]:
        """Return that the inside of a sandbox is its owner's, where it is."""
        if endpoint.sandbox is None or manages_inside(endpoint):
            return ()
        inside = f"{endpoint.interface}, its addresses and its routes"
        return (f"The sandbox's inside is its owner's (manage_inside=false): {inside}.",)

    def living(self, call: api.Call, endpoints: Sequence[api.Endpoint]) -> Collection[str]:
        """Return the ids of the endpoints whose pairs exist with both ends."""
        marks = self._kernel.links.living(map(self._specs.veth, endpoints))
        return {read_mark(mark)[1] for mark in marks}

    def update(self, call: api.Call, update: api.NetworkUpdate) -> None:
        """Apply the network's options to the firewall and to the bridge's ports."""
        self.create(call, update.network)
        self._adjust(update.endpoints)

    def check_network(self, call: api.Call, network: api.Network) -> Sequence[str]:
        """Return a sentence for each difference between the kernel and the network."""
        bridge = self._specs.bridge(network)
        seen = self._kernel.links.inspect_bridge(bridge)
        problems = list(bridge_differences(bridge, seen))
        if not self._kernel.links.is_taken(bridge):  # other devices are not filtered
            (rules,) = rules_of_networks([network], self._kernel.host)
            forwarded = self._specs.forwarded_versions(network)
            problems += rule_differences(self._kernel, rules, forwarded)
            problems += reply_differences(self._kernel.host, [network]).get(network.interface, ())
        return problems

    def watch(self, call: api.Call, alarm: Callable[[Collection[str]], None]) -> None:
        """Report damaged links of this instance, and every change that no link explains."""

        def notice(marks: frozenset[str]) -> None:
            owners = [read_mark(mark) for mark in marks]
            records = {record for instance, record in owners if instance == self._instance}
            if records or not marks:
                alarm(records)

        self._watches.append(self._kernel.monitor.watch(notice))

    def survey(self, call: api.Call, networks: Sequence[api.Network]) -> Collection[str]:
        """Compare all links of the host, and the firewall if it has changed; not the sandboxes."""
        return drifted(self._kernel, self._specs, networks)

    def conditions(
        self, call: api.Call, networks: Sequence[api.Network]
    ) -> Mapping[str, Sequence[api.Condition]]:
        """Return what other programs of this host do to these networks; the host is read once."""
        host = self._kernel.firewall.inspect_surroundings()
        of_paths = path_conditions(self._kernel.host, self._specs, networks)
        of_replies = filtered_requests(networks, self._kernel.host)
        return {
            network.id: [
                *host_conditions(network, host),
                *firewall_conditions(network, host),
                *lost_addresses(network, self._kernel.host),
                *of_paths.get(network.id, ()),
                *of_replies.get(network.id, ()),
            ]
            for network in networks
        }

    def probe(self, call: api.Call, networks: Sequence[api.Network]) -> Sequence[api.Probe]:
        """Send echo requests from two endpoints of each network at most."""
        return list(probe(self._kernel, networks, call.deadline - _MARGIN))

    def notes(self, call: api.Call, networks: Sequence[api.Network]) -> Sequence[str]:
        """Return the policy rules that the search for foreign routes does not cover."""
        return [
            f"The routing policy rule by {rule} was not compared: packets that it selects may take"
            " another way."
            for rule in (self._kernel.host.unchecked_rules() if networks else ())
        ]

    def orphans(self, call: api.Call, known: Collection[str]) -> Sequence[api.Orphan]:
        """Return the links with this instance's mark and an unknown id, and copies of marks."""
        return list(find_orphans(self._kernel.links.list_marked(), self._instance, known))

    def discard(self, call: api.Call, orphan: api.Orphan) -> None:
        """Delete the link with the orphan's id and name."""
        for link in self._kernel.links.list_marked():
            if is_link_of(orphan, link):
                self._kernel.links.delete(link)

    def audit(self, call: api.Call, expected: api.ExpectedState) -> Sequence[str]:
        """Return the differences between the firewall's table and the records."""
        return table_differences(self._kernel, self._specs, expected)

    def restore(self, call: api.Call, networks: Sequence[api.Network]) -> None:
        """Load the whole firewall, and make or repair every bridge; raises DriverError."""
        restore(self._kernel, self._specs, networks)

    def close(self) -> None:
        """Stop watching, and release what the kernel object keeps."""
        while self._watches:
            self._watches.pop().close()
        self._kernel.close()
