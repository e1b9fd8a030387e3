"""The options of a network: their values, and which of them exclude each other.

::

    icc                 true     endpoints of the network reach each other
    gateway_mode_ipv4   nat      how IPv4 packets leave and enter the network
    gateway_mode_ipv6   nat      how IPv6 packets leave and enter the network
    host_ipv4 ...                see host_addresses.py
    reply_by_ingress             see replies.py
    spoof_check ...              see guard.py
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from mynet.drivers.api import IPV4, IPV6, Network, NetworkRequest, Option, changeable
from mynet.drivers.bridge.options.guard import GUARD_OPTIONS
from mynet.drivers.bridge.options.host_addresses import HOST_ADDRESS_OPTIONS, without_masquerading
from mynet.drivers.bridge.options.replies import REPLY_OPTION, without_uplinks
from mynet.drivers.bridge.options.values import true_or_false
from mynet.drivers.errors import CapabilityUnsupported, InvalidOptions

MAX_SUBNETS = 64  # of one network: all of them enter the firewall in one transaction

ICC = "icc"
MODES = {IPV4: "gateway_mode_ipv4", IPV6: "gateway_mode_ipv6"}


class GatewayMode(Enum):
    """How the packets of one IP version pass between a network and other devices."""

    # Packets leave with the host's address, unless masquerade is off. Only answers come in.
    NAT = "nat"
    # Packets leave and come in with the endpoints' own addresses.
    ROUTED = "routed"
    # Packets neither leave nor come in, and the host has no address on the network.
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a network, parsed."""

    # Whether endpoints of the network reach each other.
    icc: bool = True
    # The modes that are given, by IP version.
    modes: Mapping[int, GatewayMode] = field(default_factory=dict)

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "Options":
        """Parse options that have passed their checks."""
        modes = {version: GatewayMode(given[key]) for version, key in MODES.items() if key in given}
        return cls(icc=given.get(ICC) != "false", modes=modes)

    def mode(self, version: int) -> GatewayMode:
        """Return the mode of an IP version, NAT by default."""
        return self.modes.get(version, GatewayMode.NAT)


def _gateway_mode(value: str) -> str | None:
    modes = [mode.value for mode in GatewayMode]
    return None if value in modes else f"must be one of {', '.join(modes)}"


def _mode_change(before: str | None, after: str | None) -> str | None:
    """Allow changes between NAT and routed.

    Isolated would add or remove the host's address, which open connections depend on.
    """
    if GatewayMode.ISOLATED.value in (before, after):
        return "isolated would add or remove the host's address"
    return None


OPTIONS = (
    Option(
        ICC,
        "true (the default) or false: whether endpoints of the network reach each other",
        true_or_false,
        changeable,
    ),
    *(
        Option(
            key,
            f"nat (the default), routed or isolated: how IPv{version} packets leave and enter the"
            " network",
            _gateway_mode,
            _mode_change,
        )
        for version, key in MODES.items()
    ),
    *HOST_ADDRESS_OPTIONS,
    REPLY_OPTION,
    *GUARD_OPTIONS,
)


def contradictions(asked: NetworkRequest) -> Mapping[str, str]:
    """Return what in a request excludes each other: a sentence by field."""
    options = Options.parse(asked.options)
    against = _against_internal(options, internal=asked.internal)
    violations = {f"options[{key}]": violation for key, violation in against}
    versions = asked.versions or MODES.keys()
    masqueraded = {
        version
        for version in versions
        if asked.masquerade is not False
        and not asked.internal
        and options.mode(version) is GatewayMode.NAT
    }
    violations |= {
        f"options[{key}]": violation
        for key, violation in (
            *without_masquerading(asked.options, masqueraded),
            *without_uplinks(asked.options, internal=asked.internal),
        )
    }
    if asked.masquerade and all(
        options.mode(version) is GatewayMode.ROUTED for version in versions
    ):
        violations["masquerade"] = (
            "routed packets keep their addresses: leave it out, or choose mode nat"
        )
    return violations


def _against_internal(options: Options, *, internal: bool) -> Iterator[tuple[str, str]]:
    """Yield the modes that contradict ``internal``, with a sentence each."""
    for version, mode in options.modes.items():
        if internal and mode is not GatewayMode.ISOLATED:
            violation = f"{mode.value} is a way out, and an internal network has none; leave it out"
            yield MODES[version], violation
        elif mode is GatewayMode.ISOLATED and not internal:
            violation = (
                "isolated is for internal networks: set internal too, or choose another mode"
            )
            yield MODES[version], violation


def require_sound(network: Network) -> None:
    """Raise InvalidOptions if the driver would ignore or misread an option of the network.

    Raises CapabilityUnsupported if the network has too many subnets.
    """
    if len(network.subnets) > MAX_SUBNETS:
        raise CapabilityUnsupported(
            f"network {network.name} has {len(network.subnets)} subnets, and the bridge driver"
            f" takes at most {MAX_SUBNETS}; use fewer and larger ones, or a second network",
            resource=f"network {network.name}",
        )
    known = {option.name: option for option in OPTIONS}
    checked = {
        key: "the bridge driver has no such option" if key not in known else known[key].check(value)
        for key, value in network.options.items()
    }
    violations = {key: violation for key, violation in checked.items() if violation}
    valid = {key: value for key, value in network.options.items() if key not in violations}
    violations.update(_against_internal(Options.parse(valid), internal=network.internal))
    if violations:
        raise InvalidOptions(
            f"the bridge driver cannot make network {network.name}: "
            + "; ".join(f"option {key}: {words}" for key, words in sorted(violations.items())),
            violations,
        )
