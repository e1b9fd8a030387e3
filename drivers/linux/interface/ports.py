"""The ports of the host."""

from collections.abc import Sequence
from typing import Protocol

from mynet.drivers.linux.values.ports import Binding, Program, Reservation, UsedPort


class Ports(Protocol):
    """The ports of the host."""

    def reserve(self, binding: Binding) -> Reservation | None:
        """Reserve a port; None if another program has it. Raises ``PortsExhausted``."""

    def program_at(self, binding: Binding) -> Program | None:
        """Return the program that has a port, None if that cannot be seen."""

    def used(self) -> frozenset[UsedPort]:
        """Return the ports at which programs of the host receive packets from outside.

        Ports that are reserved for endpoints may be among them.
        """

    def choosable_ports(self) -> Sequence[range]:
        """Return the ports that the kernel itself chooses from, without reserved ones."""
