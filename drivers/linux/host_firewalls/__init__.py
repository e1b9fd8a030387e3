"""Firewalls that are not ours: what they do to forwarded packets."""
