"""Comparisons of the kernel with what it should have, and packets that test its networks."""
