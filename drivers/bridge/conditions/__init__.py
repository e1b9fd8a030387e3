"""What other programs and the host's settings do to networks, and what to do about it."""
