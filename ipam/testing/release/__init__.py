"""Claims about release: of an address, of an owner, and the cooldown afterwards."""

from mynet.ipam.testing.release import addresses, cooldown, owners

MODULES = (addresses, cooldown, owners)
