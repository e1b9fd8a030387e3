"""The ports of the host in memory: each is one program's alone."""

from collections.abc import Callable
from dataclasses import dataclass

from mynet.drivers.linux.values.ports import Binding, Program


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
        self._taken: dict[int, list[FakeHold]] = {}  # by their number

    def taken(self) -> frozenset[Binding]:
        """List those that programs have."""
        return frozenset(hold.binding for holds in self._taken.values() for hold in holds)

    def program_at(self, binding: Binding) -> Program | None:
        """Tell who has a port."""
        here = self._taken.get(binding.port, ())
        return next((each.program for each in here if each.binding.clashes(binding)), None)

    def take(
        self, binding: Binding, program: Program, give_back: Callable[[FakeHold], None]
    ) -> FakeHold | None:
        """Give a port to a program; None where another has it."""
        if self.program_at(binding):
            return None
        hold = FakeHold(binding, program, give_back)
        self._taken.setdefault(binding.port, []).append(hold)
        return hold

    def give_back(self, hold: FakeHold) -> None:
        """Take a port from its program; twice is once."""
        here = self._taken.get(hold.binding.port, [])
        self._taken[hold.binding.port] = [each for each in here if each is not hold]
