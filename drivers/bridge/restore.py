"""What a start of the daemon makes or repairs: the whole firewall, and every bridge."""

from collections.abc import Sequence

from mynet.drivers.api import IPV6, Network
from mynet.drivers.bridge.checks.links import bridge_differences
from mynet.drivers.bridge.endpoint_rules import forwards_of, rules_of_endpoints
from mynet.drivers.bridge.network_rules import rules_of_networks
from mynet.drivers.bridge.replies import lead_replies, release_others
from mynet.drivers.bridge.specs import Specs
from mynet.drivers.errors import DriverError
from mynet.drivers.linux.interface.kernel import Kernel
from mynet.drivers.linux.values.observed import Survey


def restore(kernel: Kernel, spec: Specs, networks: Sequence[Network]) -> None:
    """Load the whole firewall, and make or repair every bridge.

    If another device has taken a bridge's name, the firewall gets no rules for it, because mynet
    must not filter that device's packets. Raises DriverError after all networks were tried, if any
    failed; its metadata has a message by the id of each of them.
    """
    kernel.links.set_altnames(spec.instance)
    seen = kernel.links.survey()
    ours = [network for network in networks if not seen.is_taken(spec.bridge(network).identity)]
    kernel.firewall.keep_for_host(kernel.ports.used())
    kernel.firewall.load(
        spec.instance,
        rules_of_networks(ours, kernel.host),
        [rules for network in ours for rules in rules_of_endpoints(spec, network, seen)],
    )
    if any(IPV6 in spec.forwarded_versions(network) for network in ours):
        kernel.host.accept_router_advertisements()
    release_others(kernel.host, ours)
    failures = {
        network.id: error
        for network in networks
        if (error := _restore_network(kernel, spec, network, seen))
    }
    if failures:
        raise DriverError(
            f"{len(failures)} of {len(networks)} networks could not be restored: "
            + "; ".join(f"{name}: {error}" for name, error in failures.items()),
            metadata={name: str(error) for name, error in failures.items()},
        ) from ExceptionGroup("networks not restored", list(failures.values()))


def _restore_network(
    kernel: Kernel, spec: Specs, network: Network, seen: Survey
) -> DriverError | None:
    """Make or repair the network's bridge; return the error if that fails."""
    bridge = spec.bridge(network)
    try:
        if any(bridge_differences(bridge, seen.bridge(bridge))):
            kernel.links.ensure_bridge(bridge)
        lead_replies(kernel, network)
        kernel.host.enable_forwarding(spec.forwarded_versions(network))
        if any(
            forward.opens_loopback
            for endpoint in network.endpoints
            for forward in forwards_of(endpoint)
        ):
            kernel.links.open_loopback(network.interface)
    except DriverError as error:
        return error
    return None
