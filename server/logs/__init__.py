"""Lines that the daemon writes: its log, and the audit log."""
