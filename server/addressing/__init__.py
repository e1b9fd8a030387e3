"""Subnets and addresses: which subnet a network gets, and who holds which address."""
