"""How answers are drawn: tables, graphs, maps of subnets."""
