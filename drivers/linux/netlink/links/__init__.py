"""Messages about links: their settings, ports of bridges, forwarding databases, queues."""
