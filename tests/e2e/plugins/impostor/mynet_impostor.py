"""A plugin whose name is taken; mynetd must not even import it."""

raise SystemExit("this was imported")
