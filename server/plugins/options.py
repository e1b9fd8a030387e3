"""Checks options against the driver's declaration. An unknown key is an error, never ignored."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from textwrap import shorten

from mynet.drivers.api import DriverInfo, NetworkRequest, Option
from mynet.server.errors import Violation

_ALIKE = 0.8  # of the letters of two names
_NAMES = 64  # characters for the names of other options in a message


def option_violations(
    field: str, given: Mapping[str, str], known: Sequence[Option], driver: str
) -> Sequence[Violation]:
    """Return a violation for each key that the driver does not know or whose value it refuses."""
    by_name = {option.name: option for option in known}
    violations: list[Violation] = []
    for key, value in sorted(given.items()):
        option = by_name.get(key)
        if option is None:
            # The caller's text goes into the error as it is only where a terminal can show it.
            shown = key if key.isprintable() else ascii(key)[1:-1]
            violations.append(Violation(f"{field}[{shown}]", _unknown(key, by_name, driver)))
        elif refusal := option.check(value):
            violations.append(Violation(f"{field}[{key}]", refusal))
    return violations


def _unknown(key: str, known: Collection[str], driver: str) -> str:
    """Return what to do about an option that the driver does not have.

    Names such as net.ipv4.conf.IFNAME.rp_filter are alike in most of their letters, so the last
    part decides which of them was meant.
    """
    last = key.rpartition(".")[2]
    lasts = {name.rpartition(".")[2] for name in known}
    meant = {last} & lasts or get_close_matches(last, lasts, cutoff=_ALIKE)
    if alike := [name for name in known if name.rpartition(".")[2] in meant]:
        nearest = get_close_matches(key, alike, n=1, cutoff=0)[0]
        return f"driver {driver} has no such option; did you mean {nearest}?"
    names = shorten(", ".join(sorted(known)) or "none", _NAMES, placeholder=" ...")
    all_names = "ListDrivers (mynetctl driver ls) shows all"
    return f"driver {driver} has no such option; it has {names}; {all_names}"


def network_violations(prefix: str, asked: NetworkRequest, info: DriverInfo) -> Sequence[Violation]:
    """Return a violation for each option that is invalid, by itself or together with the request.

    ``prefix`` is put before the name of each field.
    """
    field = f"{prefix}options"
    violations = option_violations(field, asked.options, info.options, info.name)
    sound = _without(field, asked.options, violations)
    against = info.contradictions(replace(asked, options=sound))
    return [*violations, *(Violation(prefix + key, sentence) for key, sentence in against.items())]


def endpoint_violations(options: Mapping[str, str], info: DriverInfo) -> Sequence[Violation]:
    """Return a violation for each invalid option of an endpoint, as for a network."""
    violations = option_violations("options", options, info.endpoint_options, info.name)
    against = info.endpoint_contradictions(_without("options", options, violations))
    return [*violations, *(Violation(field, sentence) for field, sentence in against.items())]


def fixed_options(
    known: Sequence[Option], before: Mapping[str, str], after: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the options that change although the driver cannot change them, with the reasons."""
    changes = {
        option.name: option.change(before.get(option.name), after.get(option.name))
        for option in known
        if before.get(option.name) != after.get(option.name)
    }
    return {name: reason for name, reason in changes.items() if reason}


def _without(
    field: str, options: Mapping[str, str], violations: Sequence[Violation]
) -> Mapping[str, str]:
    """Return the options that have no violation by themselves."""
    refused = {violation.field for violation in violations}
    return {key: value for key, value in options.items() if f"{field}[{key}]" not in refused}
