"""A kernel in memory, with the methods of the real one: for tests of drivers and of the daemon.

It needs no privileges, and changes nothing outside the object. It does what the real kernel does
where a driver can see it. Names are unique in a namespace, the ends of a pair go together, a
namespace takes its links with it, a bridge has 1023 ports, and one program at a time has a port of
the host.
"""
