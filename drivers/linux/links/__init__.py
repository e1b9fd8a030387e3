"""Links: bridges, veth pairs, their marks and addresses, and how they are deleted together."""
