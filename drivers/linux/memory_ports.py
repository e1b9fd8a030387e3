"""The ports of the host in memory: each is one program's alone."""

from collections.abc import Callable
from dataclasses import dataclass

from mynet.drivers.linux.ports import Binding, Program


@dataclass(frozen=True, eq=False)
class FakeHold:
    """A port that ``program`` has."""

    binding: Binding
    program: Program
    give_back: "Callable[[FakeHold], None]"

    def close(self) -> None:
        """Give the port back."""
        self.give_back(self)


class Ports:
    """All that are taken. For one thread at a time: FakeKernel holds its lock."""

    def __init__(self) -> None:
        self._taken: list[FakeHold] = []

    def taken(self) -> frozenset[Binding]:
        """List those that programs have."""
        return frozenset(hold.binding for hold in self._taken)

    def program_at(self, binding: Binding) -> Program | None:
        """Tell who has a port."""
        return next((each.program for each in self._taken if each.binding.clashes(binding)), None)

    def take(
        self, binding: Binding, program: Program, give_back: Callable[[FakeHold], None]
    ) -> FakeHold | None:
        """Give a port to a program; None where another has it."""
        if self.program_at(binding):
            return None
        self._taken.append(FakeHold(binding, program, give_back))
        return self._taken[-1]

    def give_back(self, hold: FakeHold) -> None:
        """Take a port from its program; twice is once."""
        self._taken = [each for each in self._taken if each is not hold]
