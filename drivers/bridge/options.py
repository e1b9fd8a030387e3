"""The options of a network: what each may be, and what they cannot be together.

::

    icc                 true     endpoints of the network reach each other
    gateway_mode_ipv4   nat      how IPv4 leaves the network, and who comes in
    gateway_mode_ipv6   nat      likewise IPv6
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from mynet.drivers.api import Network, NetworkRequest, Option, changeable
from mynet.drivers.errors import InvalidOptions

ICC = "icc"
MODES = {4: "gateway_mode_ipv4", 6: "gateway_mode_ipv6"}  # by IP version


class GatewayMode(Enum):
    """How the packets of one IP version pass between a network and the world outside."""

    NAT = "nat"  # out under the host's address, unless masquerading is off; nobody comes in
    ROUTED = "routed"  # out and in with the endpoints' own addresses
    ISOLATED = "isolated"  # neither; not even the host has an address on the network


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a network, parsed; ``modes`` has the IP versions that one is given for."""

    icc: bool = True
    modes: Mapping[int, GatewayMode] = field(default_factory=dict)

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "Options":
        """Read options that each have passed their check."""
        modes = {version: GatewayMode(given[key]) for version, key in MODES.items() if key in given}
        return cls(icc=given.get(ICC) != "false", modes=modes)

    def mode(self, version: int) -> GatewayMode:
        """Tell the mode of an IP version."""
        return self.modes.get(version, GatewayMode.NAT)


def _true_or_false(value: str) -> str | None:
    return None if value in {"true", "false"} else "is true or false"


def _gateway_mode(value: str) -> str | None:
    modes = [mode.value for mode in GatewayMode]
    return None if value in modes else f"is one of {', '.join(modes)}"


def _mode_change(before: str | None, after: str | None) -> str | None:
    """Let NAT come and go; the host's addresses stay, as connections hang on them."""
    if GatewayMode.ISOLATED.value in (before, after):
        return "isolated would have the host's address come or go"
    return None


OPTIONS = (
    Option(
        ICC,
        "true (the default) or false: whether endpoints of the network reach each other",
        _true_or_false,
        changeable,
    ),
    *(
        Option(
            key,
            f"nat (the default), routed or isolated: how IPv{version} packets leave the network and"
            " who comes in",
            _gateway_mode,
            _mode_change,
        )
        for version, key in MODES.items()
    ),
)


def contradictions(asked: NetworkRequest) -> Mapping[str, str]:
    """Tell what options cannot be together with each other and with what else is asked for."""
    options = Options.parse(asked.options)
    against = _against_internal(options, internal=asked.internal)
    found = {f"options[{key}]": fault for key, fault in against}
    versions = asked.versions or MODES.keys()
    if asked.masquerade and all(options.mode(each) is GatewayMode.ROUTED for each in versions):
        found["masquerade"] = "what is routed keeps its address: leave it out, or choose mode nat"
    return found


def _against_internal(options: Options, *, internal: bool) -> Iterator[tuple[str, str]]:
    """Compare each mode that is given with whether there is a way out at all."""
    for version, mode in options.modes.items():
        if internal and mode is not GatewayMode.ISOLATED:
            fault = f"{mode.value} is a way out, and an internal network has none; leave it out"
            yield MODES[version], fault
        elif mode is GatewayMode.ISOLATED and not internal:
            fault = "isolated is for internal networks: set internal too, or choose another mode"
            yield MODES[version], fault


def require_sound(network: Network) -> None:
    """Refuse what would otherwise be ignored, or mean something else. Raises InvalidOptions."""
    known = {option.name: option for option in OPTIONS}
    faults = {
        key: "the bridge driver has no such option" if key not in known else known[key].check(value)
        for key, value in network.options.items()
    }
    violations = {key: fault for key, fault in faults.items() if fault}
    sound = {key: value for key, value in network.options.items() if key not in violations}
    against = _against_internal(Options.parse(sound), internal=network.internal)
    violations.update(against)
    if violations:
        raise InvalidOptions(
            f"the bridge driver cannot make network {network.name}: "
            + "; ".join(f"option {key}: {fault}" for key, fault in sorted(violations.items())),
            violations,
        )
