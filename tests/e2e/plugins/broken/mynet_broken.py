"""A plugin that ends at its first line."""

raise RuntimeError("the rope is torn")
