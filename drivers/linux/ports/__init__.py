"""Ports of the host: the sockets that reserve them, and the programs that have them."""
