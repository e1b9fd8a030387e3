"""Benchmarks: mynet beside other programs that do the same, measured in one run.

``make bench`` runs all of them; ``make bench ARGS='ipam-durable ipam-search'`` runs some.
"""
