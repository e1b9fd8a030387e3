"""Claims about subnets: opening and closing, sizes, rules."""

from mynet.ipam.testing.subnets import lifecycle, rules, sizes

MODULES = (lifecycle, rules, sizes)
