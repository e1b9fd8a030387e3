"""Claims about allocation: owners, transfers, batches, loads, sticky keys."""

from collections.abc import Callable, Sequence

from mynet.ipam.testing.allocation import batches, load, owners, sticky_keys, transfer
from mynet.ipam.testing.bench import Bench

CLAIMS: Sequence[Callable[[Bench], None]] = (
    *batches.CLAIMS,
    *load.CLAIMS,
    *owners.CLAIMS,
    *sticky_keys.CLAIMS,
    *transfer.CLAIMS,
)
