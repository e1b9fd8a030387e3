"""Network drivers: the contract for third parties, and the built-in driver.

Start with :mod:`mynet.drivers.api`; ``docs/plugins.md`` walks through a whole driver.
"""
