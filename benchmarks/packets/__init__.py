"""Benchmarks of what packets pass: ports, bridges, and the rules that hold a sandbox."""
