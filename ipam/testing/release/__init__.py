"""Claims about release: of an address, of an owner, and the cooldown afterwards."""

from collections.abc import Callable, Sequence

from mynet.ipam.testing.bench import Bench
from mynet.ipam.testing.release import addresses, cooldown, owners

CLAIMS: Sequence[Callable[[Bench], None]] = (
    *addresses.CLAIMS,
    *cooldown.CLAIMS,
    *owners.CLAIMS,
)
