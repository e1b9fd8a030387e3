"""Options that limit an endpoint's bandwidth.

::

    bandwidth_ingress         10Mbit    how fast the sandbox receives
    bandwidth_ingress_burst   64k       how much it receives at once
    bandwidth_egress          1Gbit     how fast the sandbox sends
    bandwidth_egress_burst    1m        how much it sends at once

Rates and sizes are written as in tc(8): a kbit is 1000 bits per second, and a k is 1024 bytes.
Ingress and egress are the sandbox's, as in Kubernetes and CNI.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from mynet.drivers.api import Option
from mynet.drivers.linux.values.desired import Rate

INGRESS, EGRESS = "bandwidth_ingress", "bandwidth_egress"

_BURST = "_burst"
_BITS = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
_BITS |= {"kibit": 2**10, "mibit": 2**20, "gibit": 2**30}
_BYTES = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30}
_WRITTEN = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)([a-z]*)", re.ASCII)

# The default burst is what passes in one step of the timer, so that the steps cost no bandwidth.
_STEP = 0.01  # seconds
_MIN_DEFAULT_BURST = 2**14  # bytes
_FRAME = 18  # bytes around the largest packet; a smaller burst would pass none


def _number(value: str, units: Mapping[str, int]) -> int | None:
    """Return a number in the base unit, or None if the value is not a number with a unit."""
    match = _WRITTEN.fullmatch(value.lower())
    if match is None or match[2] not in units:
        return None
    return int(Decimal(match[1]) * units[match[2]])


def _within(
    units: Mapping[str, int], lowest: int, highest: int, sentence: str
) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        number = _number(value, units)
        return None if number is not None and lowest <= number <= highest else sentence

    return check


_rate = _within(_BITS, 8_000, 100 * 10**9, "must be a rate from 8kbit to 100Gbit, such as 10Mbit")
_burst = _within(_BYTES, 2**10, 2**30, "must be a size in bytes from 1k to 1g, such as 64k")

BANDWIDTH_OPTIONS = tuple(
    option
    for key, does in ((INGRESS, "receives"), (EGRESS, "sends"))
    for option in (
        Option(key, f"8kbit to 100Gbit, such as 10Mbit: how fast the sandbox {does}", _rate),
        Option(f"{key}{_BURST}", f"1k to 1g bytes: how much it {does} at once", _burst),
    )
)


def bandwidth_contradictions(options: Mapping[str, str]) -> Mapping[str, str]:
    """Return a sentence for each burst without a rate, by field."""
    return {
        f"options[{key}{_BURST}]": f"needs {key}, which is not set"
        for key in (INGRESS, EGRESS)
        if f"{key}{_BURST}" in options and key not in options
    }


def limit(options: Mapping[str, str], key: str, mtu: int) -> Rate | None:
    """Return the limit that valid options set for ``key``, or None without one.

    The burst has room for at least one packet of ``mtu`` bytes.
    """
    if key not in options:
        return None
    speed = (_number(options[key], _BITS) or 0) // 8
    burst = _number(options.get(f"{key}{_BURST}", ""), _BYTES) or max(
        int(speed * _STEP), _MIN_DEFAULT_BURST
    )
    return Rate(speed, max(burst, mtu + _FRAME))
