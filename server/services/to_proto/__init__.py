"""Values of the core into messages of responses."""
