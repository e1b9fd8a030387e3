"""Claims about queries: listings, usage, parts of a subnet."""

from mynet.ipam.testing.queries import listing, parts, usage

MODULES = (listing, parts, usage)
