"""The state directory: its lock and identity, and backups of it."""
