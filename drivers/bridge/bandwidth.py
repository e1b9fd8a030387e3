"""Options that limit an endpoint's bandwidth.

::

    bandwidth_ingress         10Mbit    how fast the sandbox receives
    bandwidth_ingress_burst   64k       how much of it at once
    bandwidth_egress          1Gbit     how fast it sends
    bandwidth_egress_burst    1m        likewise

Rates and sizes are written as tc(8) does: a kbit is 1000 bits a second, a k 1024 bytes. Which way
is in, and which is out, is as Kubernetes and CNI have it: as the sandbox sees it.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from mynet.drivers.api import Option
from mynet.drivers.linux.values.desired import Rate

INGRESS, EGRESS = "bandwidth_ingress", "bandwidth_egress"

_BURST = "_burst"
_BITS = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
_BITS |= {"kibit": 2**10, "mibit": 2**20, "gibit": 2**30}
_BYTES = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30}
_WRITTEN = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)([a-z]*)", re.ASCII)
_LEAST, _MOST = 8_000, 100 * 10**9  # bits a second
_SMALLEST, _LARGEST = 2**10, 2**30  # bytes

# What may pass at once where nobody says: enough that the timer's steps cost no bandwidth.
_STEP = 0.01  # seconds
_SOME = 2**14  # bytes
_FRAME = 18  # bytes round the largest packet: a burst that has no room for it would let none pass


def _number(value: str, units: Mapping[str, int]) -> int | None:
    """Read a number with its unit; None where it is none."""
    found = _WRITTEN.fullmatch(value.lower())
    if found is None or found[2] not in units:
        return None
    return int(Decimal(found[1]) * units[found[2]])


def _rate(value: str) -> str | None:
    bits = _number(value, _BITS)
    if bits is not None and _LEAST <= bits <= _MOST:
        return None
    return "is a rate from 8kbit to 100Gbit, such as 10Mbit"


def _burst(value: str) -> str | None:
    size = _number(value, _BYTES)
    if size is not None and _SMALLEST <= size <= _LARGEST:
        return None
    return "is a size in bytes from 1k to 1g, such as 64k"


BANDWIDTH_OPTIONS = tuple(
    option
    for key, does in ((INGRESS, "receives"), (EGRESS, "sends"))
    for option in (
        Option(key, f"8kbit to 100Gbit, such as 10Mbit: how fast the sandbox {does}", _rate),
        Option(f"{key}{_BURST}", f"1k to 1g bytes: how much it {does} at once", _burst),
    )
)


def bandwidth_contradictions(options: Mapping[str, str]) -> Mapping[str, str]:
    """Tell which bursts are of no rate."""
    return {
        f"options[{key}{_BURST}]": f"goes with {key}, which is not there"
        for key in (INGRESS, EGRESS)
        if f"{key}{_BURST}" in options and key not in options
    }


def limit(options: Mapping[str, str], key: str, mtu: int) -> Rate | None:
    """Return the limit that options which have passed their checks set, None for none.

    A burst has room for a packet of ``mtu`` bytes at least.
    """
    if key not in options:
        return None
    speed = (_number(options[key], _BITS) or 0) // 8
    burst = _number(options.get(f"{key}{_BURST}", ""), _BYTES) or max(int(speed * _STEP), _SOME)
    return Rate(speed, max(burst, mtu + _FRAME))
