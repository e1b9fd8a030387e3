"""Networks, endpoints and subnets as values: the specs of callers, and the records."""
