"""The table inet mynet: its rules, its elements, and the connections through it."""
