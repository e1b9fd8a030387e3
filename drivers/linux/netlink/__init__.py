"""Netlink messages: packing, sending and reading. No other room packs or reads a header."""
