"""Gathering every fault of a request before refusing it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from mynet.server.errors import InvalidArgument, Violation
from mynet.server.model.networks import MAX_LABELS
from mynet.server.services.from_proto import fields

T = TypeVar("T")


class Faults:
    """The faults found so far. Parsing goes on after one: the caller is told of all at once."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def add(self, field: str, description: str) -> None:
        """Note a fault: the field's path in the request, and a sentence."""
        self._found.append(Violation(field, description))

    def extend(self, violations: Sequence[Violation]) -> None:
        """Note faults that others found."""
        self._found.extend(violations)

    def parse(self, field: str, value: str, parser: Callable[[str], T]) -> T | None:
        """Parse one field; what the parser says in its ValueError is the fault."""
        try:
            return parser(value)
        except ValueError as error:
            self.add(field, str(error))
            return None

    def texts(self, field: str, given: Mapping[str, str]) -> Mapping[str, str]:
        """Parse labels or options: few enough, and short enough, to be kept and shown."""
        if len(given) > MAX_LABELS:
            self.add(field, f"has {len(given)} entries; up to {MAX_LABELS} are kept")
        for key, value in given.items():
            if len(value) > fields.MAX_VALUE:
                self.add(field, f"a value has more than {fields.MAX_VALUE} characters")
            self.parse(field, key, fields.some_text)
        return dict(given)

    def refuse(self) -> None:
        """Raise InvalidArgument if there is any fault."""
        if self._found:
            raise InvalidArgument(self._found)


@contextlib.contextmanager
def gathered() -> Iterator[Faults]:
    """Gather the faults that a block finds. Raises InvalidArgument at its end if there is any."""
    faults = Faults()
    yield faults
    faults.refuse()
