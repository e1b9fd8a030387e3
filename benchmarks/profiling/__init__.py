"""``make profile``: where the CPU time of the daemon goes, and what a call costs beside it."""
