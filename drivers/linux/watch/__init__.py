"""Notifications of the kernel about links and firewall."""
