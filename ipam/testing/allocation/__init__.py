"""Claims about allocation: owners, transfers, batches, loads, sticky keys."""

from mynet.ipam.testing.allocation import batches, load, owners, sticky_keys, transfer

MODULES = (batches, load, owners, sticky_keys, transfer)
