"""Claims about queries: listings, usage, parts of a subnet."""

from collections.abc import Callable, Sequence

from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.queries import listing, parts, usage

CLAIMS: Sequence[Callable[[Bench], None]] = (
    *listing.CLAIMS,
    *parts.CLAIMS,
    *usage.CLAIMS,
)
