"""Values of the core as messages of the API."""
