"""Network drivers: the contract third parties write against, and the built-in drivers.

Start with :mod:`mynet.drivers.api`; ``docs/plugins.md`` walks through a whole driver.
"""
