"""What a driver asks of the kernel, and what it observes there, as values."""
