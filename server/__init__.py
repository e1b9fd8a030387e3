"""mynetd, the daemon: gRPC services over a core that knows no gRPC.

A request goes straight down and straight back: ``services`` unpack it, the core (``networks``,
``endpoints``, ``addresses``) decides, plugins make it so, ``store`` remembers.
"""
