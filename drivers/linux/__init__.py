"""The Linux kernel, as drivers see it: one object with declarative methods, and a fake of it.

===================== ==============================================================
``interface``         what can be asked of a kernel, by subject
``kernel``            the real kernel: :class:`~mynet.drivers.linux.kernel.LinuxKernel`
``fake``              a kernel in memory, for tests
--------------------- --------------------------------------------------------------
``sandboxes``         finding network namespaces, as ``kernel.sandboxes``
``links``             bridges, endpoints and limits, as ``kernel.links``
``firewall``          the tables of nftables, as ``kernel.firewall``
``host_firewalls``    what else on this host decides about packets
``ports``             sockets that reserve ports of the host, as ``kernel.ports``
``host``              the host's routes and settings, as ``kernel.host``
``watch``             the kernel's notifications, as ``kernel.monitor``
--------------------- --------------------------------------------------------------
``netlink``           packing, sending and reading netlink messages
``netns``             opening and entering network namespaces
``sysctl``            reading and writing settings
``group_commit``      one action for several threads that wait
``kernel_errors``     what an errno means to the caller
``values``            what is asked of a kernel and what it answers, as dataclasses
===================== ==============================================================

Every method works in the network namespace of the calling thread.
"""
