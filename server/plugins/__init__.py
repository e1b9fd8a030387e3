"""Drivers and IPAM backends: how they are found and loaded, and the threads their verbs run on."""
