"""The host's own settings: sysctls and routes."""
