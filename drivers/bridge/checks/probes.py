"""Which packets show whether networks carry packets, and what their answers mean."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from mynet.drivers.api import Endpoint, IPAddress, Network, Probe, ProbeState
from mynet.drivers.bridge.options.networks import GatewayMode, Options
from mynet.drivers.linux.interface.kernel import Kernel
from mynet.drivers.linux.values.echo import EchoRequest

_ENDPOINTS: Final = 2  # of each network that packets are sent from


@dataclass(frozen=True, slots=True)
class _Packet:
    source: str
    target: str
    request: EchoRequest


def probe(kernel: Kernel, networks: Sequence[Network], deadline: float) -> Iterator[Probe]:
    """Yield a probe for each packet that was sent, or should have been.

    A packet to the next hop proves nothing where the next hop does not answer the host itself.
    """
    hops = kernel.host.next_hops()
    silent = dict(
        zip(
            hops.values(),
            kernel.probes.echo([EchoRequest(hop) for hop in hops.values()], deadline),
            strict=True,
        )
    )
    answering = {version: hop for version, hop in hops.items() if silent[hop] == ""}
    packets = [packet for network in networks for packet in _packets(network, answering)]
    outcomes = kernel.probes.echo([packet.request for packet in packets], deadline)
    for packet, outcome in zip(packets, outcomes, strict=True):
        yield _result(packet, outcome)
    for hop, reason in silent.items():
        if reason != "":
            words = reason or "there was no time for it"
            yield Probe("endpoints", f"next hop {hop}", ProbeState.NOT_SENT, f"this host: {words}")


def _result(packet: _Packet, outcome: str | None) -> Probe:
    if outcome is None:
        reason = "there was no time for it"
        return Probe(packet.source, packet.target, ProbeState.NOT_SENT, reason)
    state = ProbeState.UNANSWERED if outcome else ProbeState.ANSWERED
    return Probe(packet.source, packet.target, state, outcome)


def _packets(network: Network, hops: Mapping[int, IPAddress]) -> Iterator[_Packet]:
    options = Options.parse(network.options)
    chosen = [endpoint for endpoint in network.endpoints if endpoint.sandbox][:_ENDPOINTS]
    for endpoint in chosen:
        source = f"{endpoint.interface} at {endpoint.addresses[0].ip} on network {network.name}"
        for subnet in network.subnets:
            version = subnet.cidr.version
            if not any(address.ip in subnet.cidr for address in endpoint.addresses):
                continue
            mode, gateway = options.mode(version), subnet.gateway
            if gateway is None or mode is GatewayMode.ISOLATED:
                continue
            yield _Packet(source, f"gateway {gateway}", _request(endpoint, gateway))
            is_translated = network.masquerade and mode is GatewayMode.NAT
            hop = hops.get(version)
            if hop and is_translated and gateway in endpoint.gateways and _is_global(hop):
                yield _Packet(source, f"next hop {hop}", _request(endpoint, hop, gateway))
        for other in chosen:
            if options.icc and other is not endpoint:
                for address in other.addresses:
                    target = f"{other.interface} at {address.ip}"
                    yield _Packet(source, target, _request(endpoint, address.ip))


def _is_global(hop: IPAddress) -> bool:
    """Return whether packets of a sandbox can reach the next hop, which is beyond a router."""
    return isinstance(hop, IPv4Address) or not hop.is_link_local


def _request(endpoint: Endpoint, target: IPAddress, hop: IPAddress | None = None) -> EchoRequest:
    return EchoRequest(target, endpoint.sandbox, endpoint.interface, hop)
