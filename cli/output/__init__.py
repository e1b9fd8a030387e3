"""Output: tables, JSON, graphs and maps of subnets."""
