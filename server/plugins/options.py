"""Checks options against the driver's declaration. An unknown key is an error, never ignored."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from textwrap import shorten

from mynet.drivers.api import DriverInfo, NetworkRequest, Option
from mynet.server.errors import Violation

_NAMES = 64  # characters for the names of other options in a message


def option_violations(
    field: str, given: Mapping[str, str], known: Sequence[Option], driver: str
) -> Sequence[Violation]:
    """Return a violation for each key that the driver does not know or whose value it refuses."""
    by_name = {option.name: option for option in known}
    faults: list[Violation] = []
    for key, value in sorted(given.items()):
        option = by_name.get(key)
        if option is None:
            names = ", ".join(get_close_matches(key, by_name, n=1) or sorted(by_name)) or "none"
            words = (
                f"driver {driver} has {shorten(names, _NAMES, placeholder=' ...')}, but not this"
            )
            faults.append(Violation(f"{field}[{key}]", words))
        elif fault := option.check(value):
            faults.append(Violation(f"{field}[{key}]", fault))
    return faults


def network_violations(prefix: str, asked: NetworkRequest, info: DriverInfo) -> Sequence[Violation]:
    """Return a violation for each option that is at fault, by itself or beside what else is asked.

    ``prefix`` stands before each field's name.
    """
    field = f"{prefix}options"
    faults = option_violations(field, asked.options, info.options, info.name)
    sound = _without(field, asked.options, faults)
    against = info.contradictions(replace(asked, options=sound))
    return [*faults, *(Violation(prefix + field, fault) for field, fault in against.items())]


def endpoint_violations(options: Mapping[str, str], info: DriverInfo) -> Sequence[Violation]:
    """Return a violation for each option of an endpoint that is at fault, likewise."""
    faults = option_violations("options", options, info.endpoint_options, info.name)
    against = info.endpoint_contradictions(_without("options", options, faults))
    return [*faults, *(Violation(field, fault) for field, fault in against.items())]


def _without(
    field: str, options: Mapping[str, str], faults: Sequence[Violation]
) -> Mapping[str, str]:
    """Return the options that have no fault by themselves."""
    refused = {fault.field for fault in faults}
    return {key: value for key, value in options.items() if f"{field}[{key}]" not in refused}
