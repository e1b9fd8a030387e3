"""One call on its way through the core: who asks and until when, its locks, its rollback."""
