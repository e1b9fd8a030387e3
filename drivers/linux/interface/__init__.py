"""What drivers and the daemon ask of the kernel, a protocol for each subject.

:class:`~mynet.drivers.linux.interface.kernel.Kernel` has them together. It is implemented twice: by
:class:`~mynet.drivers.linux.kernel.LinuxKernel` over netlink, and by
:class:`~mynet.drivers.linux.fake.kernel.FakeKernel` in memory. The methods take the values of
``values.desired`` and ``values.ports``, and return those of ``values.observed``.

All methods are idempotent, may be called from many threads at once, work in the network namespace
of the calling thread, and raise only what :mod:`mynet.drivers.errors` has.
"""
