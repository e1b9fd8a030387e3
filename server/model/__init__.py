"""Networks, endpoints and subnets as values: what a caller asks for, and what is on record."""
