"""Bringing records and kernel together: at a start, on request, and after damage.

``doctor`` has the flow of a start (``Doctor.recover``) and of the Doctor RPC (``Doctor.examine``).
``recovery`` has the steps of a start that repair many objects at once.
``network_checks`` and ``endpoint_checks`` compare one object with the kernel.
``sandboxes`` finds out which sandboxes are gone, and ``driver_reports`` what only drivers know.
``ipam_checks`` compares the daemon's registry of subnets with the backends' allocations.
``healer`` and ``repair_queue`` decide what is examined again while the daemon serves, and when.
"""
