"""mynetd, the daemon: gRPC services over a core that knows no gRPC.

A request goes straight down and straight back. ``services`` unpack it, the core (``network`` and
``addressing``) decides, ``plugins`` run a driver or a backend, and ``store`` keeps the record.
"""
