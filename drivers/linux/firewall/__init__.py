"""The table inet mynet: its ruleset, its elements, and the connections it tracks."""
