"""Subnets and addresses: which subnet a network gets, and which owner holds which address."""
