"""Netlink messages: how they are packed, sent and read."""
