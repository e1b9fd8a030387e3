"""Firewalls of other programs, and what they do to forwarded packets."""
