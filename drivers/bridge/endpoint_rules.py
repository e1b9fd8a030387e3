"""What the firewall should have for endpoints: what they may send, and their published ports."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_interface

from mynet.drivers.api import Endpoint, IPAddress, IPNetwork, Network
from mynet.drivers.bridge.options.guard import GuardOptions
from mynet.drivers.bridge.specs import Specs
from mynet.drivers.linux.links.mac import with_link_local
from mynet.drivers.linux.values.endpoint_rules import (
    AddressRange,
    Attachment,
    EndpointRules,
    Guard,
)
from mynet.drivers.linux.values.observed import Snapshot, Survey
from mynet.drivers.linux.values.ports import Forward


def attachment_of(seen: Snapshot) -> Attachment | None:
    """Return where an endpoint is attached, or None if it is not."""
    if seen.outer is None or not seen.outer.master:
        return None
    return Attachment(seen.outer.index, seen.outer.master)


def rules_of_endpoint(
    spec: Specs, endpoint: Endpoint, attachment: Attachment | None
) -> EndpointRules:
    """Return the rules of an endpoint that is attached there.

    An endpoint whose Connect was rolled back may have no MAC address on record, and has no guard.
    """
    guard = None
    if attachment and endpoint.mac_address:
        guard = guard_of(spec, endpoint, attachment)
    addresses = tuple(address.ip for address in endpoint.addresses)
    return EndpointRules(endpoint.id, forwards_of(endpoint), guard, addresses)


def rules_of_endpoints(spec: Specs, network: Network, seen: Survey) -> Sequence[EndpointRules]:
    """Return the rules of a network's endpoints, as they are attached."""
    return [
        rules_of_endpoint(spec, endpoint, surveyed_attachment(spec, endpoint, seen))
        for endpoint in network.endpoints
    ]


def surveyed_attachment(spec: Specs, endpoint: Endpoint, seen: Survey) -> Attachment | None:
    """Return where an endpoint is attached, by a survey."""
    return attachment_of(seen.outer(spec.veth(endpoint)))


def guard_of(spec: Specs, endpoint: Endpoint, attachment: Attachment) -> Guard:
    """Return what an endpoint may send.

    An address of the host on the network is never among it: no option makes an endpoint the
    gateway of others, except for ``spoof_check=false``.
    """
    options = GuardOptions.of(endpoint)
    bridge = spec.bridge(endpoint.network)
    of_host = [address.ip for address in with_link_local(bridge.addresses, bridge.mac)]
    own = with_link_local(endpoint.addresses, endpoint.mac_address)
    return Guard(
        attachment,
        endpoint.mac_address,
        addresses=tuple(address.ip for address in own),
        allowed=tuple(
            addresses for cidr in options.allowed for addresses in _ranges(cidr, of_host)
        ),
        spoof_check=options.spoof_check,
        subnets=tuple(subnet.cidr for subnet in endpoint.network.subnets),
        conntrack_limit=options.conntrack_limit,
        sandbox=endpoint.sandbox.cookie if endpoint.sandbox else 0,
    )


def _ranges(cidr: IPNetwork, excluded: Sequence[IPAddress]) -> Iterator[AddressRange]:
    """Yield the ranges that are left of a CIDR without the excluded addresses."""
    first, last = int(cidr.network_address), int(cidr.broadcast_address)
    kind = type(cidr.network_address)
    gaps = sorted(int(address) for address in excluded if address in cidr)
    for start, end in zip((first, *(gap + 1 for gap in gaps)), (*gaps, last + 1), strict=True):
        if start < end:
            yield AddressRange(kind(start), kind(end - 1))


def forwards_of(endpoint: Endpoint) -> tuple[Forward, ...]:
    """Return an endpoint's published ports, for each IP version that it has an address of."""
    targets = {address.version: address.ip for address in reversed(endpoint.addresses)}
    return tuple(
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
    )


def possible_rules_of(
    spec: Specs, endpoint: Endpoint, attachment: Attachment | None
) -> EndpointRules:
    """Return the rules of an endpoint that may have no addresses yet.

    Only the host's ports are certain then, so they lead to the first address of each subnet.
    """
    if endpoint.addresses:
        return rules_of_endpoint(spec, endpoint, attachment)
    firsts = tuple(ip_interface(subnet.cidr[0]) for subnet in endpoint.network.subnets)
    return EndpointRules(endpoint.id, forwards_of(replace(endpoint, addresses=firsts)))
