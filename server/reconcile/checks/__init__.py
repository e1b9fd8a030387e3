"""Comparing the daemon, an endpoint, a network, and the IPAM backends with the records."""
