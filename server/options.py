"""Checking options against what a driver declares: an unknown key is an error, never ignored."""

from collections.abc import Mapping, Sequence

from mynet.drivers.api import Option
from mynet.server.errors import Violation


def option_faults(
    field: str, given: Mapping[str, str], known: Sequence[Option], driver: str
) -> Sequence[Violation]:
    """Return a violation for each key that the driver does not know or whose value it refuses."""
    by_name = {option.name: option for option in known}
    faults: list[Violation] = []
    for key, value in sorted(given.items()):
        option = by_name.get(key)
        if option is None:
            names = ", ".join(sorted(by_name)) or "none"
            faults.append(Violation(f"{field}[{key}]", f"driver {driver} has options: {names}"))
        elif fault := option.check(value):
            faults.append(Violation(f"{field}[{key}]", fault))
    return faults
