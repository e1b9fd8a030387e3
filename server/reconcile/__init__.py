"""Bringing records and kernel together: at a start, on request, and after damage.

``doctor`` has the flow of a start (``Doctor.recover``) and of the Doctor RPC (``Doctor.examine``).
``kernel_checks`` compares a network or an endpoint, with its published ports, with the kernel.
``ipam_checks`` compares the daemon's registry of subnets with the backends' allocations.
``healer`` and ``repair_queue`` decide what is examined again while the daemon serves, and when.
"""
