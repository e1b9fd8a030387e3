"""Benchmarks of addresses: mynet's IPAM, and that of other programs."""
