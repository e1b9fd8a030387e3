"""The flows that the kernel tracks, and those of them that are deleted."""
