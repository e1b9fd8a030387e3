"""The Linux kernel, as drivers see it: one object with declarative verbs, and a fake of it.

================ ===================================================================
``verbs``        what can be asked of a kernel
``desired``      the values it is asked with: links, and what the firewall lets pass
``ports``        likewise of published ports
``observed``     the values it answers with
``surroundings`` likewise of others on this host
``ownership``    whose a link is
``addressing``   MAC and link-local addresses
``kernel``       the real one: :class:`~mynet.drivers.linux.kernel.LinuxKernel`
``fake``         one in memory: :class:`~mynet.drivers.linux.fake.kernel.FakeKernel`
---------------- -------------------------------------------------------------------
``netns``        network namespaces: opening, entering, recognising
``links``        bridges, and what links there are
``veths``        endpoints: a pair with one end in a sandbox
``announcing``   whose an address is now, told to neighbours and the host
``shaping``      what an endpoint sends and receives, limited on the host's end
``reaper``       deleting many links for the price of one
``routes``       the uplink, and default routes
``sysctl``       IP forwarding, whom a bridge takes for a router, settings of endpoints
---------------- -------------------------------------------------------------------
``netlink``      one socket, one conversation; every answer is read
``messages``     the rtnetlink messages, built with pyroute2
``answers``      what rtnetlink answers, read without it
``attributes``   what messages are made of, where pyroute2 is not used
``qdiscs``       the messages of traffic control, packed and read here
``refusals``     what the kernel's errno means to the caller
---------------- -------------------------------------------------------------------
``firewall``     the table ``inet mynet``: loaded whole, changed by the element
``ruleset``      the firewall as text, and what networks and endpoints add to it
``elements``     elements of its sets and maps, as text and as the kernel has them
``nftables``     elements over nfnetlink, in atomic batches
``loaded``       whether the table's rules are as they were loaded
``rehearsal``    the table as a start would load it, for who has not loaded it
``nft``          running nft(8), which loads the table and lists it
``conntrack``    flows that a published port makes the kernel forget
``holds``        ports of the host, held with sockets
``programs``     which program has a port
---------------- -------------------------------------------------------------------
``listener``     the kernel's notifications, read by a thread
``sieve``        which of them tell of damage, and to whose link
``survey``       what else on this host decides about our packets
``chains``       other people's chains in nftables
``xtables``      and in iptables-legacy
``frontends``    what people have told ufw and firewalld
================ ===================================================================

Every verb works in the network namespace of the thread that calls it.
"""
