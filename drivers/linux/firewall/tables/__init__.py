"""The tables in the kernel: loaded, listed, compared, and changed by the element."""
