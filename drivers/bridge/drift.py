"""All networks against the kernel at one look, and the firewall that they share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mynet.drivers.api import ExpectedState
from mynet.drivers.bridge.check import bridge_differences, outer_differences
from mynet.drivers.bridge.specs import Specs, possible_publication, segment_of
from mynet.drivers.linux.interface import Kernel
from mynet.drivers.linux.links.alias import is_ours
from mynet.drivers.linux.values.desired import Bridge, NetworkRules, Veth
from mynet.drivers.linux.values.ports import PortForwards

_SETTINGS = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}


@dataclass(frozen=True, slots=True)
class Look:
    """What a network with that id should be in the kernel: ``veths`` are its endpoints', by id.

    ``forwarded`` are the IP versions that the host forwards for it.
    """

    id: str
    bridge: Bridge
    segment: NetworkRules
    forwarded: frozenset[int]
    veths: Mapping[str, Veth]
    publications: Sequence[PortForwards]


def suspects(kernel: Kernel, looks: Sequence[Look]) -> Sequence[str]:
    """Return the ids of networks and endpoints that are not as they should be.

    Three questions for all of them. What is inside sandboxes is not looked at. Where a bridge's
    name is another's, what passes there is not ours to filter.
    """
    seen, forwards = kernel.survey(), kernel.forwards()
    ours = [
        look
        for look in looks
        if (link := seen.links.get(look.bridge.name)) is None or is_ours(link, look.bridge)
    ]
    unserved = kernel.unserved(
        [look.segment for look in ours], [each for look in ours for each in look.publications]
    )

    def found() -> Iterator[str]:
        for look in looks:
            if (
                bridge_differences(look.bridge, seen.bridge(look.bridge.name))
                or look.bridge.name in unserved
                or not look.forwarded <= forwards
            ):
                yield look.id
            for name, veth in look.veths.items():
                if name in unserved or outer_differences(veth, seen.outer(veth.name, veth.bridge)):
                    yield name

    return list(found())


def rule_differences(kernel: Kernel, segment: NetworkRules, forwarded: frozenset[int]) -> list[str]:
    """Compare the firewall, and the host's forwarding, with what a network needs."""
    found = [] if kernel.rules_stand() else ["The firewall's rules are not as they were loaded."]
    found += [f"The firewall lacks {each}." for each in kernel.unfiltered(segment)]
    found += [
        f"The host does not forward IPv{version} ({_SETTINGS[version]} is 0)."
        for version in sorted(forwarded - kernel.forwards())
    ]
    return found


def table_differences(kernel: Kernel, specs: Specs, expected: ExpectedState) -> Sequence[str]:
    """Compare the firewall with all that is on record: rules, networks, and what is nobody's."""
    networks = {
        network.id: network for network in (*expected.unfinished, *expected.networks)
    }.values()
    return kernel.misfiltered(
        specs.instance,
        [segment_of(each) for each in expected.networks if not kernel.is_taken(specs.bridge(each))],
        [segment_of(each) for each in networks],
        [
            possible_publication(endpoint)
            for network in (*expected.networks, *expected.unfinished)
            for endpoint in network.endpoints
        ],
    )
