"""Endpoints: pairs of links, their ends, their limits and how bridges treat them."""
