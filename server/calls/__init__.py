"""One call on its way through the core: its caller and deadline, its locks, its rollback."""
