"""Benchmarks: what is measured, beside what others take for it in the same run.

``make bench`` runs all of them; ``make bench ARGS='ipam-durable ipam-search'`` runs some.
"""
