"""The Linux kernel, as drivers see it: one object with declarative verbs, and a fake of it.

============== =====================================================================
``verbs``      what can be asked of a kernel
``desired``    the values it is asked with: links, and what the firewall lets pass
``observed``   the values it answers with
``ownership``  whose a link is
``addressing`` MAC and link-local addresses
``kernel``     the real one: :class:`~mynet.drivers.linux.kernel.LinuxKernel`
``fake``       one in memory: :class:`~mynet.drivers.linux.fake.kernel.FakeKernel`
``netns``      network namespaces: opening, entering, recognising
``netlink``    one socket, one conversation; every answer is read
``messages``   the rtnetlink messages, built and read with pyroute2
``links``      bridges, and what links there are
``veths``      endpoints: a pair with one end in a sandbox
``announcing`` whose an address is now, told to neighbours and the host
``shaping``    what an endpoint sends and receives, limited on the host's end
``qdiscs``     the messages of traffic control, packed and read here
``reaper``     deleting many links for the price of one
``routes``     the uplink, and default routes
``sysctl``     IP forwarding, whom a bridge takes for a router, and settings of endpoints
``ruleset``    the firewall as text, and what each network adds to its sets
``nftables``   set elements over nfnetlink, in atomic batches
``firewall``   the table ``inet mynet``: loaded whole, changed by the element
============== =====================================================================

Every verb works in the network namespace of the thread that calls it.
"""
