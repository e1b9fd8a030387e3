"""Claims about subnets: opening and closing, sizes, rules."""

from collections.abc import Callable, Sequence

from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.subnets import lifecycle, rules, sizes

CLAIMS: Sequence[Callable[[Bench], None]] = (
    *lifecycle.CLAIMS,
    *rules.CLAIMS,
    *sizes.CLAIMS,
)
