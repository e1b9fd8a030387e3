"""What a driver declares about itself: its name, its capabilities and its options.

Third parties import these names from :mod:`mynet.drivers.api`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

API_VERSION = 1
PORTS: Final = "ports"  # the capability of a driver that publishes ports
WATCH: Final = "watch"  # the capability of a driver that notices damage to what it made


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """What a caller asks of a network, before the daemon decides anything of it."""

    # The options that have passed their own check.
    options: Mapping[str, str]
    # The IP versions of the subnets, or empty if the daemon is to choose them.
    versions: frozenset[int] = frozenset()
    internal: bool = False
    # None if the caller leaves it to the daemon.
    masquerade: bool | None = None


def anything(_value: str) -> str | None:
    """Accept every value of an option."""
    return None


def fixed(_before: str | None, _after: str | None) -> str | None:
    """Refuse every change of an option."""
    return "it cannot change"


def changeable(_before: str | None, _after: str | None) -> str | None:
    """Accept every change of an option."""
    return None


def no_contradictions(_asked: object) -> Mapping[str, str]:
    """Return no contradictions."""
    return {}


def all_versions(_options: Mapping[str, str]) -> frozenset[int]:
    """Return every IP version."""
    return frozenset({4, 6})


@dataclass(frozen=True, slots=True)
class Option:
    """One key that the driver understands in the ``options`` of a network or an endpoint."""

    # The key.
    name: str
    # The values and their meaning, for ListDrivers.
    description: str
    # Return what is wrong with a value, as a sentence, or None. The daemon calls it before it makes
    # anything.
    check: Callable[[str], str | None] = anything
    # Return why an existing network or endpoint cannot get another value, as a sentence, or None.
    # It receives the value before and after, each None if the option is not set.
    change: Callable[[str | None, str | None], str | None] = fixed


@dataclass(frozen=True, slots=True)
class DriverInfo:
    """What a driver is and can do; ListDrivers shows it."""

    # The driver's name, which is also the name of its entry point.
    name: str
    # The version of this contract that the driver is written for.
    api_version: int = API_VERSION
    # Any of PORTS and WATCH.
    capabilities: frozenset[str] = frozenset()
    # The keys that the driver understands in the options of a network.
    options: Sequence[Option] = ()
    # The keys that the driver understands in the options of an endpoint.
    endpoint_options: Sequence[Option] = ()
    # How the names of the host's devices of networks begin ("br-"). Empty if there are none.
    device_prefix: str = ""
    # How the names of the outer ends of endpoints begin ("veth"). Empty if there are none.
    port_prefix: str = ""
    # Return what in a request excludes each other: a sentence by field, such as "options[icc]" or
    # "masquerade".
    contradictions: Callable[[NetworkRequest], Mapping[str, str]] = no_contradictions
    # Return the same for an endpoint's options, each of which has passed its own check.
    endpoint_contradictions: Callable[[Mapping[str, str]], Mapping[str, str]] = no_contradictions
    # Return the IP versions that an endpoint with these options gets addresses of, where its
    # network has subnets of them.
    address_versions: Callable[[Mapping[str, str]], frozenset[int]] = all_versions
    # How many endpoints a network takes, or 0 if there is no limit. The daemon refuses one more
    # with BridgeFull before it makes anything.
    most_endpoints: int = 0
