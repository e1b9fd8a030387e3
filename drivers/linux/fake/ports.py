"""The ports of the host in memory: each belongs to one program alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mynet.drivers.linux import interface
from mynet.drivers.linux.fake.control import Control, Subject
from mynet.drivers.linux.values.ports import Binding, Program

MYNETD = Program(1, "mynetd")
NGINX = Program(4711, "nginx")


@dataclass(frozen=True, eq=False)
class FakeReservation:
    """A port that ``program`` has."""

    binding: Binding
    program: Program
    release: "Callable[[FakeReservation], None]"

    def close(self) -> None:
        """Release the port; a second call does nothing."""
        self.release(self)


class FakePorts(Subject, protocol=interface.Ports):
    """Implements :class:`~mynet.drivers.linux.interface.Ports` in memory."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        # The ports that the kernel chooses from.
        self.choosable = [range(32768, 61000)]
        self._reservations: dict[int, list[FakeReservation]] = {}  # by port

    def reserve(self, binding: Binding) -> FakeReservation | None:
        """Reserve a port; None if another program has it."""
        return self.take(binding, MYNETD)

    def program_at(self, binding: Binding) -> Program | None:
        """Return the program that has a port."""
        return self._program_at(binding)

    def choosable_ports(self) -> Sequence[range]:
        """Return what ``choosable`` has."""
        return list(self.choosable)

    def take(self, binding: Binding, program: Program = NGINX) -> FakeReservation | None:
        """Take a port as another program would; None if a program has it."""
        with self._control.lock:
            if self._program_at(binding):
                return None
            reservation = FakeReservation(binding, program, self._release)
            self._reservations.setdefault(binding.port, []).append(reservation)
            return reservation

    def taken(self) -> frozenset[Binding]:
        """Return the ports that programs have."""
        with self._control.lock:
            lists = self._reservations.values()
            return frozenset(port.binding for reservations in lists for port in reservations)

    def _program_at(self, binding: Binding) -> Program | None:
        reservations = self._reservations.get(binding.port, ())
        programs = (port.program for port in reservations if port.binding.clashes(binding))
        return next(programs, None)

    def _release(self, reservation: FakeReservation) -> None:
        with self._control.lock:
            reservations = self._reservations.get(reservation.binding.port, [])
            if reservation in reservations:
                reservations.remove(reservation)
