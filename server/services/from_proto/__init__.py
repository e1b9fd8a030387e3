"""Requests of the API as values of the core: all faults of a request are found at once."""
