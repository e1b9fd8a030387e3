"""Messages about routes and policy rules."""
