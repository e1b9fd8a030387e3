"""The ports of the host in memory: each belongs to one program alone."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain

from mynet.drivers.linux.fake.control import Control, Subject
from mynet.drivers.linux.interface.ports import Ports
from mynet.drivers.linux.values.ports import Binding, Program, Reservation, UsedPort

MYNETD = Program(1, "mynetd")
NGINX = Program(4711, "nginx")


class FakePorts(Subject, protocol=Ports):
    """Implements :class:`~mynet.drivers.linux.interface.ports.Ports` in memory."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        # The ports that the kernel chooses from.
        self.choosable = [range(32768, 61000)]
        # The ports at which programs receive.
        self.receiving: set[UsedPort] = set()
        self._programs: defaultdict[int, dict[Binding, Program]] = defaultdict(dict)  # by port

    def reserve(self, binding: Binding) -> Reservation | None:
        """Reserve a port; None if another program has it."""
        return self.take(binding, MYNETD)

    def program_at(self, binding: Binding) -> Program | None:
        """Return the program that has a port."""
        return self._program_at(binding)

    def used(self) -> frozenset[UsedPort]:
        """Return what ``receiving`` has."""
        return frozenset(self.receiving)

    def choosable_ports(self) -> Sequence[range]:
        """Return what ``choosable`` has."""
        return list(self.choosable)

    def take(self, binding: Binding, program: Program = NGINX) -> Reservation | None:
        """Take a port as another program would; None if a program has it."""
        with self._control.lock:
            if self._program_at(binding):
                return None
            self._programs[binding.port][binding] = program
            reservation = ExitStack()
            reservation.callback(self._programs[binding.port].pop, binding)
            return reservation

    def taken(self) -> frozenset[Binding]:
        """Return the ports that programs have."""
        with self._control.lock:
            return frozenset(chain.from_iterable(self._programs.values()))

    def _program_at(self, binding: Binding) -> Program | None:
        programs = self._programs[binding.port].items()
        return next((program for other, program in programs if other.clashes(binding)), None)
