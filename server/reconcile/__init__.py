"""Records and kernel brought together: at start, on request, and when something is damaged."""
