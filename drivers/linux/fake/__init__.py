"""A kernel in memory, with the verbs of the real one: for tests of drivers and of the core.

Nothing here needs privileges, and nothing outside the object changes. It keeps to what the real
kernel does where a driver can see it: names are unique in a namespace, the ends of a pair go
together, a namespace takes its links with it, a bridge has 1023 ports, and a port of the host is
one program's alone.

============= ================================================================
``kernel``    its verbs: :class:`~mynet.drivers.linux.fake.kernel.FakeKernel`
``host``      all there is of it, and what tests do to it and see of it
``sandboxes`` network namespaces: which path leads to which
``links``     links of all namespaces, and bridges
``veths``     endpoints: a pair with one end in a sandbox, and its shaper
``firewall``  what the firewall holds
``ports``     ports of the host, and who has them
============= ================================================================
"""
