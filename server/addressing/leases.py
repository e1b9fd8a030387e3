"""The addresses of networks and endpoints, allocated in the same subnets as those of callers.

Their owners are ``network:<id>`` and ``endpoint:<id>``. So the addresses of a call that was cut off
are found, and released, by the owner alone.
"""

import contextlib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from ipaddress import ip_interface

from mynet.drivers.api import IPInterface
from mynet.ipam import api as ipam
from mynet.ipam import errors
from mynet.server.addressing.refusals import blame_gateway, no_ipv6, subnet_of
from mynet.server.addressing.subnets import SubnetRegistry
from mynet.server.calls.call import Call
from mynet.server.calls.locks import KeyedLocks
from mynet.server.errors import Violation
from mynet.server.model.endpoints import AddressSpec, Endpoint, EndpointSpec, EndpointState
from mynet.server.model.networks import Network, Subnet, needs_gateway
from mynet.server.plugins.catalog import Catalog, Plugin


@dataclass(frozen=True, slots=True)
class Leases:
    """Allocates and releases the addresses of networks and endpoints."""

    backends: Catalog[ipam.Backend]
    registry: SubnetRegistry
    locks: KeyedLocks

    def open(self, call: Call, network: Network) -> Network:
        """Open the subnets that a network has claimed, and allocate its gateway addresses.

        Return the network with the gateways: those of its spec, and one for each other subnet that
        needs one. Raises CapabilityUnsupported for a subnet of an IP version that the host's kernel
        does not have, and what the backend raises.
        """
        for subnet in network.subnets:
            if subnet.cidr.version not in self.registry.versions:
                raise no_ipv6(f"network {network.name}", f"subnet {subnet.cidr}")
        backend = self.backends.get(network.spec.ipam)
        opened: list[Subnet] = []
        for subnet in network.subnets:
            with self.locks.shared(call, "subnet", str(subnet.cidr)):
                backend.run(call, ipam.Backend.open_subnet, subnet.cidr)
                named = subnet.spec.gateway
                if named and named not in subnet.cidr:
                    gateway = named  # outside the subnet, so it is not allocated
                elif named or needs_gateway(subnet.cidr, internal=network.spec.internal):
                    gateway = self._gateway(call, backend, network, subnet)
                else:
                    gateway = None
            opened.append(replace(subnet, gateway=gateway))
        return replace(network, subnets=tuple(opened))

    def _gateway(
        self, call: Call, backend: Plugin[ipam.Backend], network: Network, subnet: Subnet
    ) -> ipam.IPAddress:
        """Allocate the gateway of the spec, else the subnet's first address if it is free.

        The subnet's range does not apply, as it is for addresses that are chosen for endpoints.
        """
        rules = replace(self.registry.rules(subnet.cidr), range=None)
        request = ipam.AllocateRequest(rules, owner=network.owner, address=subnet.spec.gateway)
        if subnet.spec.gateway is None:
            with contextlib.suppress(errors.AddressInUse, errors.AddressReserved):
                first = replace(request, address=ipam.usable(subnet.cidr).first)
                return backend.run(call, ipam.Backend.allocate, first).address
        return backend.run(call, ipam.Backend.allocate, request).address

    def close(self, call: Call, network: Network) -> None:
        """Release the gateway addresses. :meth:`forget` drops the subnets."""
        self.backends.get(network.spec.ipam).run(call, ipam.Backend.release_owner, network.owner)

    def forget(self, call: Call, network: Network) -> None:
        """Drop the subnets of a removed network that have no other allocation."""
        for subnet in network.subnets:
            self.registry.drop_unused(call, subnet.cidr)

    def violations(
        self, network: Network, spec: EndpointSpec, versions: AbstractSet[int]
    ) -> Iterator[Violation]:
        """Yield a violation for each address of the spec that contradicts its subnet or options.

        ``versions`` are the IP versions that the options leave to the endpoint.
        """
        if not network.versions & versions:
            sentence = f"they turn IPv6 off, and network {network.name} has IPv6 subnets only"
            yield Violation("options", sentence)
        for number, asked in enumerate(spec.addresses):
            if asked.address.version not in versions:
                yield Violation(f"addresses[{number}]", "the options turn IPv6 off")
            for subnet in network.subnets:
                length = subnet.cidr.prefixlen
                if asked.address in subnet.cidr and asked.prefix_length not in (None, length):
                    wrong = f"is {length}, not {asked.prefix_length}"
                    sentence = f"the prefix length of {subnet.cidr} {wrong}"
                    yield Violation(f"addresses[{number}]", sentence)

    def check(self, network: Network, spec: EndpointSpec) -> None:
        """Raise AddressOutOfRange for an address of the spec outside the network's subnets.

        Raises CapabilityUnsupported where the host's kernel does not have the IP version.
        """
        for asked in spec.addresses:
            subnet_of(network, asked.address)
            if asked.address.version not in self.registry.versions:
                raise no_ipv6("the endpoint", f"address {asked.address}")
        if not network.versions & self.registry.versions:
            raise no_ipv6(f"network {network.name}", "subnets, and no others")

    def held_by(
        self, call: Call, network: Network, spec: EndpointSpec
    ) -> tuple[ipam.IPAddress, ...]:
        """Return the addresses of the spec that ``spec.address_owner`` holds already."""
        if not spec.address_owner:
            return ()
        backend = self.backends.get(network.spec.ipam)
        queries = [
            ipam.AllocationQuery(
                subnet=subnet_of(network, asked.address).cidr,
                address=asked.address,
                owner=spec.address_owner,
            )
            for asked in spec.addresses
        ]
        held = [backend.run(call, ipam.Backend.allocations, query) for query in queries]
        return tuple(allocation.address for page in held for allocation in page)

    def take(
        self, call: Call, network: Network, endpoint: Endpoint, versions: AbstractSet[int]
    ) -> tuple[IPInterface, ...]:
        """Allocate the addresses of the spec, and any one address of every other IP version.

        ``versions`` are those that the endpoint's options leave to it. It gets no address of a
        version that the host's kernel does not have. An endpoint that moves keeps the addresses
        that it has. Raises what the backend raises.
        """
        kept = [AddressSpec(address.ip) for address in endpoint.addresses]
        taken = [
            self._take_asked(call, network, endpoint, asked)
            for asked in dict.fromkeys((*endpoint.spec.addresses, *kept))
        ]
        wanted = network.versions & versions & self.registry.versions
        missing = wanted - {allocation.address.version for allocation in taken}
        taken += [self._take_any(call, network, endpoint, version) for version in missing]
        taken.sort(key=lambda allocation: allocation.address.version)
        return tuple(
            ip_interface(f"{allocation.address}/{allocation.subnet.prefixlen}")
            for allocation in taken
        )

    def hold(self, call: Call, network: Network, endpoint: Endpoint) -> None:
        """Allocate an endpoint's addresses again where its backend has lost them.

        Raises AddressInUse where another owner has one of them by now.
        """
        for address in self.lost(call, network, endpoint):
            self._take_asked(call, network, endpoint, AddressSpec(address))

    def lost(self, call: Call, network: Network, endpoint: Endpoint) -> Sequence[ipam.IPAddress]:
        """Return the addresses on an endpoint's record that are not allocated to it."""
        backend = self.backends.get(network.spec.ipam)
        held = {allocation.address for allocation in self._held(call, backend, endpoint.owner)}
        return [address.ip for address in endpoint.addresses if address.ip not in held]

    def give_back(self, call: Call, placed: Sequence[tuple[Network, Endpoint]]) -> None:
        """Release all addresses of these endpoints.

        An endpoint that never got READY gives the addresses that it had taken over back to their
        owner before.
        """
        owners: dict[str, list[str]] = {}
        for network, endpoint in placed:
            owners.setdefault(network.spec.ipam, []).append(endpoint.owner)
            if endpoint.state is EndpointState.CONNECTING:
                self._hand_back(call, self.backends.get(network.spec.ipam), endpoint)
        for name, held in owners.items():
            self.backends.get(name).run(call, ipam.Backend.release_owners, held)

    def _take_asked(
        self, call: Call, network: Network, endpoint: Endpoint, asked: AddressSpec
    ) -> ipam.Allocation:
        request = ipam.AllocateRequest(
            self.registry.rules(subnet_of(network, asked.address).cidr),
            owner=endpoint.owner,
            address=asked.address,
            take_from=endpoint.spec.address_owner,
            sticky_key=endpoint.sticky_key,
        )
        return self.backends.get(network.spec.ipam).run(call, ipam.Backend.allocate, request)

    def _take_any(
        self, call: Call, network: Network, endpoint: Endpoint, version: int
    ) -> ipam.Allocation:
        """Allocate an address in the first subnet of the family that has one left.

        A subnet that remembers the endpoint's sticky key goes before all others.
        """
        backend = self.backends.get(network.spec.ipam)
        subnets = [subnet for subnet in network.subnets if subnet.cidr.version == version]
        requests = [
            ipam.AllocateRequest(
                self.registry.rules(subnet.cidr),
                owner=endpoint.owner,
                sticky_key=endpoint.sticky_key,
            )
            for subnet in subnets
        ]
        if len(requests) > 1:
            requests.sort(
                key=lambda request: backend.run(call, ipam.Backend.recall, request) is None
            )
        for request in requests[:-1]:
            try:
                return backend.run(call, ipam.Backend.allocate, request)
            except errors.SubnetExhausted:
                continue
        try:
            return backend.run(call, ipam.Backend.allocate, requests[-1])
        except errors.SubnetExhausted as error:
            for subnet in subnets:
                blame_gateway(network, subnet, error)
            raise

    def _hand_back(self, call: Call, backend: Plugin[ipam.Backend], endpoint: Endpoint) -> None:
        for allocation in self._held(call, backend, endpoint.owner):
            if allocation.address in endpoint.taken:
                request = ipam.AllocateRequest(
                    self.registry.rules(allocation.subnet),
                    owner=endpoint.spec.address_owner,
                    address=allocation.address,
                    take_from=endpoint.owner,
                )
                backend.run(call, ipam.Backend.allocate, request)

    def _held(
        self, call: Call, backend: Plugin[ipam.Backend], owner: str
    ) -> Sequence[ipam.Allocation]:
        query = ipam.AllocationQuery(owner=owner)
        return backend.run(call, ipam.Backend.allocations, query)
