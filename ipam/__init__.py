"""Address management: the contract for IPAM backends, and the built-in backend.

Start with :mod:`mynet.ipam.api`; ``docs/plugins.md`` says how a backend is installed.
"""
