"""Drivers and IPAM backends: finding and loading them, and the threads that run their verbs."""
