"""What is in the sets of the firewall's tables: the elements of guards and of ports."""
