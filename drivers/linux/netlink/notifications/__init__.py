"""Notifications of the kernel: the socket that receives them, and reading them."""
